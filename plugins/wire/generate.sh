#!/bin/sh
# Writes the Go code of the two contracts into the directory named by the first
# argument (by default pb, beside this script). Needs protoc (Debian package
# protobuf-compiler); the two generators are tools of go.mod, at its versions.
set -eu
cd "$(dirname "$0")"
out=${1:-pb}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# With the flags of make build: what both are made of is compiled once.
for tool in protoc-gen-go protoc-gen-go-grpc; do
	printf '#!/bin/sh\nGOFLAGS="$(go env GOFLAGS) -trimpath" CGO_ENABLED=0 exec go tool %s "$@"\n' "$tool" >"$tools/$tool"
	chmod +x "$tools/$tool"
done
protoc --proto_path=. \
	--plugin=protoc-gen-go="$tools/protoc-gen-go" \
	--plugin=protoc-gen-go-grpc="$tools/protoc-gen-go-grpc" \
	--go_out="$out" --go_opt=paths=source_relative \
	--go-grpc_out="$out" --go-grpc_opt=paths=source_relative \
	factor.proto hook.proto
