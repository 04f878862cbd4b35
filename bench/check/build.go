package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is a package's benchmarks, built twice. old is empty where the baseline
// has none.
type suite struct {
	folder   string
	old, new binary
}

// binary is a test binary and the folder that its package expects to run in.
type binary struct{ file, dir string }

// build builds the benchmarks of the baseline and of the working tree.
func (o *options) build(ctx context.Context, dir, base string) (*comparison, error) {
	tree := filepath.Join(dir, "baseline")
	if err := o.checkOut(ctx, base, tree); err != nil {
		return nil, err
	}
	c := newComparison(o)
	for i, folder := range strings.Split(o.packages, ",") {
		s := suite{folder: folder}
		var err error
		if s.new, err = buildTest(ctx, o.root, folder, filepath.Join(dir, fmt.Sprintf("new-%d.test", i))); err != nil {
			return nil, err
		}
		if _, missing := os.Stat(filepath.Join(tree, folder)); missing == nil {
			if s.old, err = buildTest(ctx, tree, folder, filepath.Join(dir, fmt.Sprintf("old-%d.test", i))); err != nil {
				return nil, err
			}
		}
		c.suites = append(c.suites, s)
	}
	return c, nil
}

// checkOut writes a commit's files to a folder, without the repository noticing.
func (o *options) checkOut(ctx context.Context, commit, tree string) error {
	archive := tree + ".tar"
	if _, err := git(ctx, o.root, "archive", "--format=tar", "-o", archive, commit); err != nil {
		return err
	}
	if err := os.Mkdir(tree, 0o755); err != nil {
		return fmt.Errorf("make folder of the baseline: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", tree).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack baseline: %w: %s", err, out)
	}
	return nil
}

func buildTest(ctx context.Context, root, folder, file string) (binary, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-trimpath", "-vet=off", "-o", file, "./"+folder)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return binary{}, fmt.Errorf("build benchmarks of %s in %s: %w\n%s", folder, root, err, out)
	}
	return binary{file, filepath.Join(root, folder)}, nil
}
