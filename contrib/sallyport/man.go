package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the man pages; the package build calls it. The date is
// that of SOURCE_DATE_EPOCH, so that two builds give the same bytes.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write the man pages into a folder",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return &failure{code: exitRefused, sentence: "making the folder: " + err.Error()}
			}
			header := &doc.GenManHeader{Section: "8", Source: "sallyport", Manual: "sallyport"}
			cmd.Root().DisableAutoGenTag = true
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return &failure{code: exitRefused, sentence: "writing the man pages: " + err.Error()}
			}
			return nil
		},
	}
}
