# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sources for the compilers: big, always the same, and from no header in C."""

C_FUNCTIONS = 80
CPP_CLASSES = 4
# Of so many cc1plus makes more than 10 million events: what a recording of that length takes on disk.
CPP_CLASSES_LONG = 16


def c_unit(functions=C_FUNCTIONS):
    """Small functions of a few kinds: a list, a state machine, a table, arithmetic; and one that calls them."""
    parts = ["typedef unsigned long size_t; typedef unsigned int u32;\n"
             "struct node { struct node *next; u32 key; u32 values[8]; };\n"
             "extern void *memcpy(void *, const void *, size_t); extern int puts(const char *);\n"]
    for i in range(functions):
        cases = "".join(f"case {(i * 7 + k * 13) % 97}: state = {k} + (int)node->values[{k % 8}]; break;\n" for k in range(6))
        parts.append(f"""
static u32 table_{i}[] = {{{", ".join(str((i * 31 + k * 17) % 1021) for k in range(16))}}};
struct node *find_{i}(struct node *node, u32 key)
{{
	u32 steps = 0;
	while (node && node->key != (key ^ {i}u)) {{
		table_{i}[steps++ % 16] += node->key;
		if (node->values[{i % 8}] > {i * 3}u)
			memcpy(node->values, table_{i}, sizeof(node->values));
		node = node->next;
	}}
	return node;
}}
int step_{i}(struct node *node, int state, const char *text)
{{
	for (; *text; text++) {{
		switch ((state + *text) % 97) {{
{cases}		default: state ^= *text << {i % 5}; break;
		}}
		if (state < 0) {{
			puts("state {i} fell below zero");
			return -{i};
		}}
	}}
	return state;
}}
static double sum_{i}(const double *values, int count)
{{
	double sum = {i}.5, largest = values[0];
	for (int k = 1; k < count; k++) {{
		sum += values[k] * values[k - 1] - table_{i}[k % 16];
		largest = values[k] > largest ? values[k] : largest;
	}}
	return largest > sum ? largest : sum;
}}
double all_{i}(struct node *node, const double *values, const char *text)
{{
	struct node *found = find_{i}(node, {i * 11}u);
	return sum_{i}(values, step_{i}(found ? found : node, {i}, text)){f" + all_{i - 1}(node, values, text)" if i % 20 else ""};
}}
""")
    return "".join(parts)


def cpp_unit(classes=CPP_CLASSES):
    """Templates of the standard library, instantiated over and over for other types."""
    parts = ["#include <algorithm>\n#include <functional>\n#include <map>\n#include <memory>\n#include <string>\n"
             "#include <vector>\n"]
    for i in range(classes):
        parts.append(f"""
struct Item{i} {{ std::string name; long weight; bool operator<(const Item{i} &o) const {{ return weight < o.weight; }} }};
class Store{i} {{
	std::map<std::string, std::vector<Item{i}>> items;
	std::vector<std::unique_ptr<Item{i}>> owned;
public:
	void add(const std::string &key, long weight)
	{{
		items[key].push_back(Item{i}{{key + "-{i}", weight}});
		owned.push_back(std::make_unique<Item{i}>(items[key].back()));
	}}
	long heaviest(const std::function<bool(const Item{i} &)> &wanted)
	{{
		long best = {i};
		for (auto &[key, list] : items) {{
			std::sort(list.begin(), list.end());
			for (const auto &item : list)
				if (wanted(item) && item.weight > best)
					best = item.weight;
		}}
		return best;
	}}
}};
long use{i}(long n) {{ Store{i} s; s.add("x", n); return s.heaviest([n](const Item{i} &i) {{ return i.weight != n; }}); }}
""")
    return "".join(parts)
