package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/schema"
)

func newCache() *cobra.Command {
	cmd := &cobra.Command{Use: "cache", Short: "List, verify, trim or clear the cache", Example: "  roux cache list\n  roux cache trim --size 20GB"}
	var dir string
	var asJSON bool
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.PersistentFlags().StringVar(&dir, "cache", "", "cache folder (default: $ROUX_CACHE, or roux in the user's cache folder)")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if _, err := os.Stat(dir); dir != "" && errors.Is(err, os.ErrNotExist) {
			return usageError{fmt.Errorf("--cache %s: there is no such folder", dir)}
		}
		return nil
	}
	cmd.AddCommand(cacheList(&dir, &asJSON), cacheVerify(&dir, &asJSON), cacheTrim(&dir, &asJSON), cacheClear(&dir, &asJSON))
	return group(cmd)
}

func cacheList(dir *string, asJSON *bool) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List entries, least recently used first; those of one label together", Example: "  roux cache list", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		entries, err := c.List(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd, append([]cas.Entry{}, entries...))
		}
		var total int64
		for _, g := range alike(entries) {
			total += g.Size
			label := g.Label
			if g.count > 1 {
				label = fmt.Sprintf("%s (%d entries)", label, g.count)
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s  %8s  %s  %s\n", g.Key.String()[:12], humanize.Bytes(uint64(g.Size)), g.Used.Format(time.DateTime), label)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d entries, %s in %s\n", len(entries), humanize.Bytes(uint64(total)), c.Dir())
		return err
	}}
}

// entryGroup is entries of one label: the latest of them, with the bytes of all.
type entryGroup struct {
	cas.Entry
	count int
}

// alike groups entries by label, in the order of each label's latest use.
func alike(entries []cas.Entry) []entryGroup {
	at := map[string]int{}
	var groups []entryGroup
	for _, e := range slices.Backward(entries) {
		i, ok := at[e.Label]
		if !ok {
			at[e.Label] = len(groups)
			groups = append(groups, entryGroup{e, 1})
			continue
		}
		groups[i].Size += e.Size
		groups[i].count++
	}
	slices.Reverse(groups)
	return groups
}

// damaged is an entry that cache verify found wanting.
type damaged struct {
	cas.Entry
	Reason string `json:"reason"`
}

func cacheVerify(dir *string, asJSON *bool) *cobra.Command {
	return &cobra.Command{Use: "verify", Short: "Hash every entry again", Example: "  roux cache verify", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		intact, bad := 0, []damaged{}
		err = c.Verify(cmd.Context(), func(e cas.Entry, err error) {
			if err != nil {
				bad = append(bad, damaged{e, err.Error()})
			} else {
				intact++
			}
		})
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(cmd, map[string]any{"intact": intact, "damaged": bad})
		} else {
			err = printVerified(cmd, intact, bad)
		}
		if err == nil && len(bad) > 0 {
			err = errors.New("damaged entries are made again when they are needed; roux cache clear removes all")
		}
		return err
	}}
}

func printVerified(cmd *cobra.Command, intact int, bad []damaged) error {
	for _, e := range bad {
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "damaged: %s %s: %s\n", e.Key.String()[:12], e.Label, e.Reason)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d entries intact, %d damaged\n", intact, len(bad))
	return err
}

// printFreed says what trim or clear came to.
func printFreed(cmd *cobra.Command, asJSON bool, removed int, freed int64) error {
	if asJSON {
		return printJSON(cmd, map[string]any{"removed": removed, "freed": freed})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "removed %d entries, freed %s\n", removed, humanize.Bytes(uint64(freed)))
	return err
}

func cacheTrim(dir *string, asJSON *bool) *cobra.Command {
	var size string
	var age time.Duration
	cmd := &cobra.Command{Use: "trim", Short: "Remove entries, least recently used first",
		Example: "  roux cache trim --size 20GB\n  roux cache trim --age 720h", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
			l := cas.Limits{MaxAge: age}
			if size != "" {
				n, err := schema.ParseBytes(size)
				if err != nil {
					return usageError{fmt.Errorf("--size: %w", err)}
				}
				l.MaxBytes = n
			}
			if l == (cas.Limits{}) {
				return usageError{errors.New("say --size 20GB or --age 720h")}
			}
			c, err := openCache(*dir)
			if err != nil {
				return err
			}
			freed, n, err := c.Trim(cmd.Context(), l)
			return errors.Join(err, printFreed(cmd, *asJSON, n, freed))
		}}
	cmd.Flags().StringVar(&size, "size", "", "keep at most this much, such as 20GB")
	cmd.Flags().DurationVar(&age, "age", 0, "remove what was not used for this long, such as 720h")
	return cmd
}

func cacheClear(dir *string, asJSON *bool) *cobra.Command {
	return &cobra.Command{Use: "clear", Short: "Remove everything from the cache", Example: "  roux cache clear", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		entries, err := c.List(cmd.Context())
		if err != nil {
			return err
		}
		if err := c.Clear(cmd.Context()); err != nil {
			return err
		}
		sizes := map[cas.Digest]int64{}
		var freed int64
		for _, e := range entries {
			sizes[e.Digest] = e.Size
		}
		for _, n := range sizes {
			freed += n
		}
		return printFreed(cmd, *asJSON, len(entries), freed)
	}}
}
