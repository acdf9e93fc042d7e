#!/bin/bash
# Makes code-server's tree ($1) and Node ($2) small: leaves out what this system never runs (other systems' programs, build leftovers,
# source maps, headers) and the parts that only serve a hosted AI assistant, which code-server's own gallery does not offer either.
set -euo pipefail
server=$1 node=$2
arch=$("$node/bin/node" -p process.arch)
modules="$server/lib/vscode/node_modules"

rm -rf "$modules"/@github/copilot* "$server/lib/vscode/extensions/copilot" "$modules/@microsoft/mxc-sdk"
rm -rf "$server"/lib/vscode/extensions/node_modules/{esbuild,@esbuild}

# Prebuilt programs of other systems and architectures.
find "$modules/@vscode/ripgrep-universal/bin" -mindepth 1 -maxdepth 1 ! -name "linux-$arch" -exec rm -rf {} +
find "$server" -type d -name prebuilds -print0 | while IFS= read -r -d '' folder; do
    find "$folder" -mindepth 1 -maxdepth 1 ! -name "linux-$arch" -exec rm -rf {} +
done
find "$server" -type d -name 'musl_*' -path '*koffi*' -prune -exec rm -rf {} +
find "$server" -type f \( -name '*.musl.node' -o -name '*win32*.node' -o -name '*.exe' -o -name '*.dll' -o -name '*.pdb' \) -delete
rm -rf "$modules"/@vscode/windows-* "$modules"/node-pty/{third_party,deps}

# Build leftovers: keep only the loadable modules.
find "$server" -type d -path '*/build/Release/*' \( -name obj -o -name obj.target -o -name .deps \) -prune -exec rm -rf {} +
find "$server" -type f \( -name '*.o' -o -name '*.a' -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \
    -o -name '*.gyp' -o -name '*.gypi' -o -name '*.mk' -o -name 'Makefile' -o -name '*.map' -o -name '*.tsbuildinfo' \) -delete
find "$server" -type f -name '*.node' -size +16k -exec strip --strip-unneeded {} + 2>/dev/null || true
# Texts and types of packages; the types of TypeScript's own library are used by the editor.
find "$modules" "$server/node_modules" -type f \( -name '*.md' -o -name '*.markdown' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.ts' \) -delete
find "$modules" "$server/node_modules" -type d \( -name test -o -name tests -o -name __tests__ -o -name docs -o -name example -o -name examples \) \
    -prune -exec rm -rf {} +
find "$server" -xtype l -delete
find "$server" -type d -empty -delete

strip --strip-unneeded "$node/bin/node"
rm -rf "$node"/include "$node"/share "$node"/lib/node_modules/corepack "$node"/*.py "$node"/__pycache__ "$node"/lib/node_modules/npm/{docs,man}
