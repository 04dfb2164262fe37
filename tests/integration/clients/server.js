// A server of Node's: says back what it was asked, as JSON, and serves a file.
const http = require('http');
const crypto = require('crypto');
const fs = require('fs');

const [port, file] = process.argv.slice(2);
http.createServer((request, response) => {
  const hash = crypto.createHash('sha256');
  let size = 0;
  request.on('data', (part) => { hash.update(part); size += part.length; });
  request.on('end', () => {
    const path = request.url.split('?')[0];
    if (path === '/file.bin') return response.end(fs.readFileSync(file));
    if (path === '/missing') { response.statusCode = 404; return response.end('missing'); }
    if (path === '/empty') { response.statusCode = 204; return response.end(); }
    if (path === '/redirect') { response.writeHead(302, { Location: '/file.bin' }); return response.end(); }
    if (path === '/chunked') {
      response.writeHead(200, { Trailer: 'X-After' });
      ['one', 'two', 'three'].forEach((part) => response.write(part));
      response.addTrailers({ 'X-After': 'yes' });
      return response.end();
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method: request.method, url: request.url, size, sha256: hash.digest('hex'),
      type: request.headers['content-type'], host: request.headers.host }) + '\n');
  });
}).listen(Number(port), '0.0.0.0');
