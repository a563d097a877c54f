# SPDX-License-Identifier: LGPL-2.1-or-later
# ffmpeg encodes and decodes a made-up film, with threads.
packages="ffmpeg"
version() { ffmpeg -version | head -n 1 | cut -d' ' -f1-3; }
prepare()
{
	cat >session <<-'PART'
		ffmpeg -v error -y -f lavfi -i testsrc=size=320x240:rate=25:duration=2 -f lavfi -i sine=duration=2 \
			-c:v mpeg4 -threads 2 -c:a aac -fflags +bitexact -flags:v +bitexact -flags:a +bitexact film.mkv
		ffmpeg -v error -threads 2 -i film.mkv -f framemd5 - | cksum
	PART
	command="sh ./session"
}
