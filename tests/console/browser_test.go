package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser is the context of the Chromium that all tests share, or nil if there is none.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(runWithBrowser(m.Run))
}

// runWithBrowser starts Chromium, which can only reach 127.0.0.1.
func runWithBrowser(run func() int) int {
	path := chromiumPath()
	if path == "" {
		return run()
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // tests run as root in containers, and only load the console
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 860),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"),
	)
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	started, stop := chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(started); err != nil {
		fmt.Fprintln(os.Stderr, "start chromium:", err)
		return 1
	}
	browser = started
	return run()
}

func chromiumPath() string {
	if path := os.Getenv("MYVAULT_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// skipOrFail skips a test, or fails it in CI.
func skipOrFail(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what + " (an error in CI)")
}
