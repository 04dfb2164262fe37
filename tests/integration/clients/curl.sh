# What curl gets from a server: of each answer the head, without what a hop may change, and the digest of the body.
base=$1
upload=$2
scratch=$3
show() {
  printf '== %s\n' "$*"
  curl -sS --max-time 30 --noproxy '*' -D "$scratch.head" -o "$scratch.body" "$@"
  # A hop may change what concerns one connection: the version, how the body is delimited, the order of fields.
  sed 's,^HTTP/1[.][01] ,HTTP ,' "$scratch.head" |
    grep -a -v -i -E '^(date|connection|keep-alive|transfer-encoding|content-length):' | sort
  sha256sum < "$scratch.body"
}
show "$base/file.bin"
show --http1.0 "$base/file.bin"
printf '== -I\n'
curl -sS --max-time 30 -I "$base/file.bin" | grep -a -i -E '^(content-length|content-type|last-modified):'
show -r 10-19 "$base/file.bin"
show -H 'Range: bytes=0-4,10-14' "$base/missing"
show "$base/missing"
show -H 'X-Odd:   spaced   ' -H 'Accept-Encoding: gzip' -A 'odd agent/1.0 (x; y)' "$base/file.bin?a=1&b=%2F"
printf '== keep-alive\n'
curl -sS --max-time 30 -o /dev/null -o /dev/null -w '%{http_code} %{size_download}\n' "$base/file.bin" "$base/file.bin"
if [ "$upload" = yes ]; then
  head -c 300000 /dev/zero | tr '\0' 'u' > "$scratch"
  show -T "$scratch" "$base/put"
  show -d 'a=1&b=2' "$base/form"
  show --data-binary "@$scratch" -H 'Expect: 100-continue' "$base/expect"
  show -H 'Transfer-Encoding: chunked' --data-binary "@$scratch" "$base/chunked-upload"
  show -X DELETE "$base/thing"
  show -X PATCH -d '' "$base/nothing"
  show "$base/chunked"
  show "$base/empty"
  show -L "$base/redirect"
fi
