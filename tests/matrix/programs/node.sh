# SPDX-License-Identifier: LGPL-2.1-or-later
# node: buffers, zlib, crypto, worker threads, a child process.
packages="nodejs"
version() { node --version; }
prepare()
{
	cat >program.js <<-'PART'
		const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
		if (!isMainThread) {
			let sum = 0;
			for (let i = 0; i < 100000; i++) sum += Buffer.alloc(i % 100).length + workerData;
			parentPort.postMessage(sum);
		} else {
			const zlib = require('zlib'), crypto = require('crypto'), { execFileSync } = require('child_process');
			const text = Array.from({ length: 20000 }, (_, i) => 'line ' + i * i % 977).join('\n');
			console.log(zlib.gunzipSync(zlib.gzipSync(text)).toString() === text);
			console.log(crypto.createHash('sha256').update(text).digest('hex'));
			console.log(execFileSync('/bin/echo', ['a child']).toString());
			Promise.all([1, 2, 3].map(n => new Promise(done =>
				new Worker(__filename, { workerData: n }).on('message', done)))).then(sums => {
				console.log(sums);
				console.error('to standard error');
				process.exitCode = 3;
			});
		}
	PART
	command="node program.js"
}
