# SPDX-License-Identifier: LGPL-2.1-or-later
# java: the compiler in memory, threads, collections that make garbage.
packages="openjdk-17-jdk-headless"
programs="java javac"
version() { java -version 2>&1 | head -n 1; }
prepare()
{
	cat >Program.java <<-'PART'
		import java.util.*;
		import java.util.concurrent.*;
		public class Program {
			public static void main(String[] arguments) throws Exception {
				ExecutorService pool = Executors.newFixedThreadPool(4);
				List<Future<Integer>> sums = new ArrayList<>();
				for (int n = 1; n <= 8; n++) {
					final int factor = n;
					sums.add(pool.submit(() -> {
						Map<String, Integer> map = new HashMap<>();
						for (int i = 0; i < 50000; i++) map.merge("k" + i % 999, factor, Integer::sum);
						return map.values().stream().mapToInt(Integer::intValue).sum();
					}));
				}
				for (Future<Integer> sum : sums) System.out.println(sum.get());
				pool.shutdown();
				java.util.zip.CRC32 crc = new java.util.zip.CRC32();
				crc.update(new byte[1 << 20]);
				System.out.println(crc.getValue());
				System.exit(7);
			}
		}
	PART
	command="java -Xmx128m Program.java"
}
