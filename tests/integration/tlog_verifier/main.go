// Checks logs, proofs and checkpoints of callgate with an implementation that is not callgate's:
// golang.org/x/mod/sumdb (note and tlog), which knows nothing of this project.
//
//	tlog_verifier note KEY CHECKPOINT-FILE                 the checkpoint's signature; prints "SIZE ROOT"
//	tlog_verifier proof KEY PROOF-FILE                     an inclusion proof (c2sp.org/tlog-proof@v1) with its entry
//	tlog_verifier tree KEY DIRECTORY                       every entry and the root, from the tiles
//	tlog_verifier consistent KEY DIRECTORY OLD-CHECKPOINT  that the log begins with what OLD-CHECKPOINT signed
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// openCheckpoint returns the tree of a checkpoint that the key has signed.
func openCheckpoint(key string, text []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the note is no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}

func checkProof(key string, text string) error {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	if !found {
		return errors.New("the proof has no checkpoint")
	}
	tree, err := openCheckpoint(key, []byte(checkpoint))
	if err != nil {
		return err
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("the text is no proof")
	}
	extra, foundExtra := cutPrefix(lines[1], "extra ")
	index, foundIndex := cutPrefix(lines[2], "index ")
	if !foundExtra || !foundIndex {
		return errors.New("the proof has no entry or no index")
	}
	entry, err := base64.StdEncoding.DecodeString(extra)
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(index, 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, number, tlog.RecordHash(entry))
}

// directoryTiles reads tiles where callgate keeps them.
type directoryTiles string

func (directory directoryTiles) Height() int { return tileHeight }

func (directory directoryTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (directory directoryTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var contents [][]byte
	for _, tile := range tiles {
		// The height stands in these paths, and not in those of C2SP.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		content, err := os.ReadFile(filepath.Join(string(directory), path))
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

func readTree(key, directory string) (tlog.Tree, tlog.HashReader, error) {
	text, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	tree, err := openCheckpoint(key, text)
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	return tree, tlog.TileHashReader(tree, directoryTiles(directory)), nil
}

func entriesPath(number, width int64) string {
	tile := tlog.Tile{H: tileHeight, L: -1, N: number, W: int(width)}
	return strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
}

func checkTree(key, directory string) error {
	tree, hashes, err := readTree(key, directory)
	if err != nil || tree.N == 0 {
		return err
	}
	root, err := tlog.TreeHash(tree.N, hashes)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the tiles are not those of the checkpoint")
	}
	for first := int64(0); first < tree.N; first += 1 << tileHeight {
		width := tree.N - first
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		bundle, err := os.ReadFile(filepath.Join(directory, entriesPath(first>>tileHeight, width)))
		if err != nil {
			return err
		}
		var indexes []int64
		for i := int64(0); i < width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+i))
		}
		stored, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i := int64(0); i < width; i++ {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("entry %d is cut", first+i)
			}
			size := int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:2+size]) != stored[i] {
				return fmt.Errorf("entry %d is not the one that was signed", first+i)
			}
			bundle = bundle[2+size:]
		}
		if len(bundle) != 0 {
			return errors.New("a tile of entries goes on behind its last")
		}
	}
	return nil
}

func checkConsistent(key, directory string, older []byte) error {
	tree, hashes, err := readTree(key, directory)
	if err != nil {
		return err
	}
	old, err := openCheckpoint(key, older)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

func run(arguments []string) error {
	if len(arguments) < 3 {
		return errors.New("usage: tlog_verifier note|proof|tree|consistent KEY PATH [OLD-CHECKPOINT]")
	}
	key, path := arguments[1], arguments[2]
	switch arguments[0] {
	case "note":
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tree, err := openCheckpoint(key, text)
		if err == nil {
			fmt.Println(tree.N, tree.Hash)
		}
		return err
	case "proof":
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return checkProof(key, string(text))
	case "tree":
		return checkTree(key, path)
	case "consistent":
		older, err := os.ReadFile(arguments[len(arguments)-1])
		if err != nil {
			return err
		}
		return checkConsistent(key, path, older)
	}
	return fmt.Errorf("there is no %q", arguments[0])
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tlog_verifier:", err)
		os.Exit(1)
	}
}
