package main_test

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// child is a program that run starts. It prints "ready" and then:
//
//	env NAME        prints the variable
//	exit CODE       exits with a code
//	signal          prints the first signal and exits with 7
//	ignore          ignores SIGTERM and SIGINT, and prints each
//	flood MIB NAME  prints that many MiB with the value of the variable at changing offsets
func child(args []string) int {
	switch args[0] {
	case "env":
		fmt.Println(os.Getenv(args[1]))
	case "exit":
		code, _ := strconv.Atoi(args[1])
		return code
	case "signal", "ignore":
		signals := make(chan os.Signal, 10)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Printf("ready %s\n", os.Getenv("DB"))
		for s := range signals {
			fmt.Println(s)
			if args[0] == "signal" {
				return 7
			}
		}
	case "flood":
		flood(args[1], os.Getenv(args[2]))
	case "sleep":
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
	return 0
}

// flood writes lines of every length, so that the value lies at every offset of a chunk.
func flood(mib, value string) {
	n, _ := strconv.Atoi(mib)
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	filler := make([]byte, 1<<10)
	for i := range filler {
		filler[i] = 'a' + byte(i%23)
	}
	for written, length := 0, 0; written < n<<20; length = (length + 1) % len(filler) {
		_, _ = out.Write(filler[:length])
		_, _ = out.WriteString(value)
		_ = out.WriteByte('\n')
		written += length + len(value) + 1
	}
	_ = out.Flush()
}
