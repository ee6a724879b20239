package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/rouxml/roux/engine/cas"
	"github.com/rouxml/roux/schema"
)

func newCache() *cobra.Command {
	cmd := &cobra.Command{Use: "cache", Short: "List, verify, trim or clear the cache", Example: "  roux cache list\n  roux cache trim --size 20GB"}
	var dir string
	cmd.PersistentFlags().StringVar(&dir, "cache", "", "cache folder (default: $ROUX_CACHE, or roux in the user's cache folder)")
	cmd.AddCommand(cacheList(&dir), cacheVerify(&dir), cacheTrim(&dir), cacheClear(&dir))
	return group(cmd)
}

func cacheList(dir *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List entries, least recently used first", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		entries, err := c.List(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(entries)
		}
		var total int64
		for _, e := range entries {
			total += e.Size
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s  %8s  %s  %s\n", e.Key.String()[:12], humanize.Bytes(uint64(e.Size)), e.Used.Format(time.DateTime), e.Label)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d entries, %s in %s\n", len(entries), humanize.Bytes(uint64(total)), c.Dir())
		return err
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func cacheVerify(dir *string) *cobra.Command {
	return &cobra.Command{Use: "verify", Short: "Hash every entry again", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		good, bad := 0, 0
		err = c.Verify(cmd.Context(), func(e cas.Entry, err error) {
			if err == nil {
				good++
				return
			}
			bad++
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "damaged: %s %s: %v\n", e.Key.String()[:12], e.Label, err)
		})
		if err == nil && bad > 0 {
			err = errors.New("damaged entries are made again when they are needed; roux cache clear removes all")
		}
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%d entries intact, %d damaged\n", good, bad)
		return err
	}}
}

func cacheTrim(dir *string) *cobra.Command {
	var size string
	var age time.Duration
	cmd := &cobra.Command{Use: "trim", Short: "Remove entries, least recently used first", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		l := cas.Limits{MaxAge: age}
		if size != "" {
			n, err := schema.ParseBytes(size)
			if err != nil {
				return usageError{err}
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
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "removed %d entries, freed %s\n", n, humanize.Bytes(uint64(freed)))
		return err
	}}
	cmd.Flags().StringVar(&size, "size", "", "keep at most this much, such as 20GB")
	cmd.Flags().DurationVar(&age, "age", 0, "remove what was not used for this long, such as 720h")
	return cmd
}

func cacheClear(dir *string) *cobra.Command {
	return &cobra.Command{Use: "clear", Short: "Remove everything from the cache", Args: args(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := openCache(*dir)
		if err != nil {
			return err
		}
		return c.Clear(cmd.Context())
	}}
}
