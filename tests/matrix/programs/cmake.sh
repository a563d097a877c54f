# SPDX-License-Identifier: LGPL-2.1-or-later
# cmake configures and builds a project.
packages="cmake make gcc"
version() { cmake --version | head -n 1; }
prepare()
{
	mkdir project
	cat >project/CMakeLists.txt <<-'PART'
		cmake_minimum_required(VERSION 3.13)
		project(example C)
		include(CheckIncludeFile)
		check_include_file(stdint.h HAVE_STDINT)
		foreach(i RANGE 200)
			list(APPEND squares "${i}-x")
		endforeach()
		list(LENGTH squares count)
		message(STATUS "there are ${count}")
		add_library(part STATIC part.c)
		add_executable(example main.c)
		target_link_libraries(example part)
	PART
	echo 'int part(void) { return 4; }' >project/part.c
	echo 'int part(void); int main(void) { return part(); }' >project/main.c
	cat >session <<-'PART'
		rm -rf built
		cmake -S project -B built 2>&1 | sed 's/ ([0-9.]*s)$//'
		cmake --build built 2>&1
		built/example
	PART
	command="sh ./session"
}
