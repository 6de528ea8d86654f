package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/bench/scenarios"
)

// options parses the command line. out is the file to write to, or empty.
func options() (o scenarios.Options, out string, err error) {
	quick := flag.Bool("quick", false, "run for a minute or two: few rounds, short measurements, at most 10,000 secrets")
	sizes := flag.String("sizes", "1000,10000,100000,1000000", "`numbers` of secrets; above 100,000 only myVault is measured")
	rows := flag.String("rows", "", "`scenarios` to run, from "+strings.Join(scenarios.Names(), ",")+" (default all)")
	flag.IntVar(&o.Rounds, "rounds", 7, "measured rounds")
	flag.DurationVar(&o.Slice, "slice", 400*time.Millisecond, "`duration` of one measurement")
	flag.StringVar(&o.Dir, "dir", "", "`directory` for the stores, on a disk (default the directory for temporary files)")
	flag.StringVar(&out, "out", "", "Markdown `file` to update between its markers (default standard output)")
	flag.Parse()
	o.Command, o.Vault = command(), os.Getenv("MYVAULT_VAULT_BIN")
	if *quick {
		if err := setQuickDefaults(); err != nil {
			return o, "", err
		}
	}
	if *rows != "" {
		o.Scenarios = strings.Split(*rows, ",")
	}
	o.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	self, err := os.Executable()
	if err != nil {
		return o, "", err
	}
	o.Program = []string{self, asChild}
	o.Sizes, err = parseSizes(*sizes)
	return o, out, err
}

// setQuickDefaults sets the options that -quick implies, except those given on the command line.
func setQuickDefaults() error {
	preset := map[string]string{"sizes": "1000,10000", "rounds": "3", "slice": "50ms"}
	flag.Visit(func(f *flag.Flag) { delete(preset, f.Name) })
	for name, value := range preset {
		if err := flag.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// command returns the command line for the report, without file names.
func command() string {
	text := "go run ."
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "dir", "out":
		case "quick":
			text += " -quick"
		default:
			text += fmt.Sprintf(" -%s %s", f.Name, f.Value)
		}
	})
	return text
}

func parseSizes(list string) (sizes []int, err error) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("-sizes: %w", err)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
