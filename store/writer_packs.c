/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * writer_packs.c - see writer.h: the tables whose rows are packed, one pack a call.
 */
#include "store/pack.h"
#include "store/sql.h"
#include "store/writer.h"

int mt_writer_stacks(struct mt_writer *writer, uint32_t number, const struct mt_writer_stack *rows,
                     size_t count)
{
	struct mt_packed packed;
	int r = mt_pack_stacks(&writer->pack, number * MT_WRITER_STACKS_PACK + 1, rows, count,
	                       &packed);

	return r < 0 ? r : mt_sql_run(writer, MT_SQL_STACK_PACK, "up", (uint64_t)number, &packed);
}

int mt_writer_totals(struct mt_writer *writer, uint32_t process, uint32_t number,
                     const struct mt_writer_total *rows, size_t count)
{
	struct mt_packed packed;
	int r = mt_pack_totals(&writer->pack, rows, count, &packed);

	return r < 0 ? r
	             : mt_sql_run(writer, MT_SQL_TOTAL_PACK, "rup", process, (uint64_t)number,
	                          &packed);
}

int mt_writer_blocks(struct mt_writer *writer, uint32_t snapshot, uint32_t number,
                     const struct mt_writer_block *rows, size_t count)
{
	uint64_t born_ns = count ? rows[0].born_ns : 0;
	struct mt_packed packed;
	int r;

	if (!count)
		return 0;
	for (size_t i = 1; i < count; i++)
		if (rows[i].born_ns < born_ns)
			born_ns = rows[i].born_ns;
	r = mt_pack_blocks(&writer->pack, rows, count, rows[0].addr, born_ns, &packed);
	return r < 0 ? r
	             : mt_sql_run(writer, MT_SQL_BLOCK_PACK, "ruaup", snapshot, (uint64_t)number,
	                          rows[0].addr, born_ns, &packed);
}

int mt_writer_owners(struct mt_writer *writer, const struct mt_writer_owners *key,
                     const struct mt_writer_owner *rows, size_t count)
{
	struct mt_packed packed;
	int r = mt_pack_owners(&writer->pack, rows, count, &packed);

	return r < 0 ? r
	             : mt_sql_run(writer, MT_SQL_OWNER_PACK, "rsaup", key->snapshot, key->kind,
	                          (uint64_t)key->mapping, (uint64_t)key->number, &packed);
}
