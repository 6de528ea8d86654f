package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// waitTimeout limits the time until a page shows the expected state. Only failing tests reach it.
const waitTimeout = time.Minute

// page is the console in a new tab, with separate cookies and storage. At the end of the test,
// [page.checkAtEnd] checks what no page of the console may do.
type page struct {
	t     *testing.T
	ctx   context.Context
	vault *server

	mu       sync.Mutex
	hosts    map[string]bool // of all requests
	problems []string        // policy violations, exceptions, log entries and leaked secrets
}

// open opens the console at the address of a screen, such as "#/secrets".
func open(t *testing.T, v *server, fragment string, before ...string) *page {
	t.Helper()
	if browser == nil {
		skipOrFail(t, "chromium is not installed, or MYVAULT_CHROMIUM does not name it")
	}
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	p := &page{t: t, ctx: ctx, vault: v, hosts: make(map[string]bool)}
	p.must(chromedp.Do(ctx))
	p.must(chromedp.Listen(ctx, p.onEvent))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	p.must(err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	p.must(err)
	for _, script := range append(before, reportViolations) {
		_, err = chromedp.Call(ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		p.must(err)
	}
	t.Cleanup(p.checkAtEnd)
	p.must(chromedp.Do(ctx, chromedp.Navigate(v.url+"/console/"+fragment)))
	p.wait(`document.querySelector("main")`)
	return p
}

// reportViolations logs each violation of the content security policy to the browser's console.
const reportViolations = `addEventListener("securitypolicyviolation", (e) => console.error("violation", e.violatedDirective, e.blockedURI, e.sourceFile))`

// onEvent handles the events of the browser.
func (p *page) onEvent(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" {
			p.hosts[u.Host] = true
		}
		p.checkNoSecret("a URL", e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // responses such as 404 are logged too
			p.problems = append(p.problems, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		problem := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			problem += " " + e.ExceptionDetails.Exception.Description
		}
		p.problems = append(p.problems, problem)
	case *runtime.EventConsoleAPICalled:
		p.problems = append(p.problems, fmt.Sprintf("console.%s: %s", e.Type, arguments(e.Args)))
	}
}

func arguments(args []*runtime.RemoteObject) string {
	var texts []string
	for _, a := range args {
		texts = append(texts, string(a.Value)+a.Description)
	}
	return strings.Join(texts, " ")
}

// checkNoSecret reports a problem if text contains a value or token. All secrets of the tests
// contain "canary".
func (p *page) checkNoSecret(where, text string) {
	if strings.Contains(text, "canary") {
		p.problems = append(p.problems, where+" contains a secret")
	}
}

// checkAtEnd checks every page at the end of its test: no request to another host, no violation of
// the content security policy, no exception, no log entry, and nothing stored.
func (p *page) checkAtEnd() {
	p.t.Helper()
	stored := value[string](p, `JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}, document.title])`)
	databases := value[int](p, `indexedDB.databases().then((all) => all.length)`)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checkNoSecret("stored data", stored)
	if !strings.Contains(stored, `"",{},{},`) || databases != 0 {
		p.t.Errorf("the page stores something: %s, %d databases", stored, databases)
	}
	for host := range p.hosts {
		if host != strings.TrimPrefix(p.vault.url, "http://") {
			p.t.Errorf("a request went to %s", host)
		}
	}
	for _, problem := range p.problems {
		p.t.Error(problem)
	}
}

func (p *page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// value returns the value of a JavaScript expression, or of the promise that it returns.
func value[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// isTrue reports whether an expression is true. It returns false while the page is loading.
func (p *page) isTrue(expression string) bool {
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
	return err == nil && v
}

// wait waits until a JavaScript expression is true.
func (p *page) wait(expression string) {
	p.t.Helper()
	for end := time.Now().Add(waitTimeout); !p.isTrue(expression); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("timeout: %s\nthe page shows:\n%s", expression, p.text())
		}
	}
}

// see waits until the page shows a text. gone waits until it does not.
func (p *page) see(text string)  { p.t.Helper(); p.wait(shows(text)) }
func (p *page) gone(text string) { p.t.Helper(); p.wait("!" + shows(text)) }

func shows(text string) string { return "document.body.innerText.includes(" + quote(text) + ")" }

func (p *page) text() string {
	p.t.Helper()
	return value[string](p, `document.body.innerText`)
}

func quote(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
