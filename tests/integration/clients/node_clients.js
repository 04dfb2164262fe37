// Node's http and fetch (undici) against one server; prints what they got.
const http = require('http');
const crypto = require('crypto');

const [base, upload] = process.argv.slice(2);
const line = (name, status, body) =>
  console.log(name, status, body.length, crypto.createHash('sha256').update(body).digest('hex'));

function call(path, options = {}, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, options, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve([answer.statusCode, Buffer.concat(parts)]));
    });
    request.on('error', reject);
    request.end(body);
  });
}

(async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  for (const path of ['/file.bin', '/missing']) line('http', ...await call(path, { agent }));
  const many = await Promise.all(Array.from({ length: 20 }, () => call('/file.bin', { agent })));
  line('http many', many.map(([status]) => status).join(','), Buffer.concat(many.map(([, body]) => body)));
  for (const path of ['/file.bin', '/missing']) {
    const answer = await fetch(base + path);
    line('fetch', answer.status, Buffer.from(await answer.arrayBuffer()));
  }
  if (upload === 'yes') {
    line('http post', ...await call('/post', { method: 'POST', agent }, 'x'.repeat(200000)));
    const answer = await fetch(base + '/fetch', { method: 'POST', body: new URLSearchParams({ a: '1' }) });
    line('fetch post', answer.status, Buffer.from(await answer.arrayBuffer()));
  }
  agent.destroy();
})().catch((error) => { console.log('error', String(error), String(error.cause)); process.exit(1); });
