# SPDX-License-Identifier: LGPL-2.1-or-later
# make -j: gcc, g++, as and ld, several at once; the program that they make is the same to the bit.
packages="make gcc g++"
version() { gcc --version | head -n 1; }
prepare()
{
	for number in 1 2 3 4 5 6 7 8; do
		cat >part$number.c <<-PART
			#include <stdio.h>
			#include <stdlib.h>
			#include <string.h>
			int part$number(int n)
			{
				char text[64];
				snprintf(text, sizeof(text), "%d", n);
				return (int)strlen(text) + $number;
			}
		PART
	done
	cat >main.cc <<-'PART'
		#include <iostream>
		#include <map>
		#include <string>
		extern "C" int part1(int), part2(int), part3(int), part4(int), part5(int), part6(int), part7(int), part8(int);
		int main()
		{
			std::map<std::string, int> sums;
			int (*parts[])(int) = {part1, part2, part3, part4, part5, part6, part7, part8};
			for (int i = 0; i < 1000; i++)
				sums[std::to_string(i % 7)] += parts[i % 8](i);
			for (auto &sum : sums)
				std::cout << sum.first << ' ' << sum.second << '\n';
		}
	PART
	cat >Makefile <<-'PART'
		parts = $(patsubst %,part%.o,1 2 3 4 5 6 7 8)
		program: main.o $(parts); g++ -o $@ main.o $(parts)
		main.o: main.cc; g++ -O2 -frandom-seed=1 -c main.cc
		%.o: %.c; gcc -O2 -frandom-seed=1 -c $<
	PART
	cat >session <<-'PART'
		rm -f program *.o
		make -s -j4 program && cksum program && ./program
	PART
	command="sh ./session"
}
