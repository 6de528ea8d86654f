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

// patience is how long a page may take to show what is waited for. Only a failure takes so long.
const patience = time.Minute

// page is the console in a tab of its own, with cookies and storage of its own. When the test ends it
// fails for everything that no page of the console may do: see [page.held].
type page struct {
	t     *testing.T
	ctx   context.Context
	vault *server

	mu     sync.Mutex
	hosts  map[string]bool // of all requests
	faults []string        // violations of the policy, exceptions, and secrets in a URL
}

// open opens the console at an address of a screen, such as "#/secrets".
func open(t *testing.T, v *server, fragment string, before ...string) *page {
	t.Helper()
	if browser == nil {
		missing(t, "chromium is not installed, or MYVAULT_CHROMIUM does not name it")
	}
	ctx, end := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	p := &page{t: t, ctx: ctx, vault: v, hosts: make(map[string]bool)}
	p.must(chromedp.Do(ctx))
	p.must(chromedp.Listen(ctx, p.hear))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	p.must(err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	p.must(err)
	for _, script := range append(before, watch) {
		_, err = chromedp.Call(ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		p.must(err)
	}
	t.Cleanup(p.held)
	p.must(chromedp.Do(ctx, chromedp.Navigate(v.url+"/console/"+fragment)))
	p.wait(`document.querySelector("main")`)
	return p
}

// watch makes each violation of the content security policy an entry of the console's log.
const watch = `addEventListener("securitypolicyviolation", (e) => console.error("violation", e.violatedDirective, e.blockedURI, e.sourceFile))`

// hear takes what the browser tells.
func (p *page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" {
			p.hosts[u.Host] = true
		}
		p.noSecret("a URL", e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // answers such as 404 are entries too
			p.faults = append(p.faults, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		fault := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
		p.faults = append(p.faults, fault)
	case *runtime.EventConsoleAPICalled:
		p.faults = append(p.faults, fmt.Sprintf("console.%s: %s", e.Type, arguments(e.Args)))
	}
}

func arguments(args []*runtime.RemoteObject) string {
	var texts []string
	for _, a := range args {
		texts = append(texts, string(a.Value)+a.Description)
	}
	return strings.Join(texts, " ")
}

// noSecret notes a fault where text holds a value or token. Every secret of the tests holds "canary".
func (p *page) noSecret(where, text string) {
	if strings.Contains(text, "canary") {
		p.faults = append(p.faults, where+" holds a secret")
	}
}

// held is what is true of every page of every test, at its end: no request went to another host, the
// policy was not violated, nothing was thrown or logged, and nothing is stored.
func (p *page) held() {
	p.t.Helper()
	kept := value[string](p, `JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}, document.title])`)
	databases := value[int](p, `indexedDB.databases().then((all) => all.length)`)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noSecret("what is kept", kept)
	if !strings.Contains(kept, `"",{},{},`) || databases != 0 {
		p.t.Errorf("the page stores something: %s, %d databases", kept, databases)
	}
	for host := range p.hosts {
		if host != strings.TrimPrefix(p.vault.url, "http://") {
			p.t.Errorf("a request went to %s", host)
		}
	}
	for _, fault := range p.faults {
		p.t.Error(fault)
	}
}

func (p *page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// value gives what a JavaScript expression, or the promise that it is, evaluates to.
func value[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// try is value for a page that may be loading just now.
func (p *page) true(expression string) bool {
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
	return err == nil && v
}

// wait waits until a JavaScript expression is true.
func (p *page) wait(expression string) {
	p.t.Helper()
	for end := time.Now().Add(patience); !p.true(expression); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("it never came true: %s\nthe page shows:\n%s", expression, p.text())
		}
	}
}

// see waits until the page shows a text, gone until it does not.
func (p *page) see(text string)  { p.t.Helper(); p.wait(shows(text)) }
func (p *page) gone(text string) { p.t.Helper(); p.wait("!" + shows(text)) }

func shows(text string) string { return "document.body.innerText.includes(" + quoted(text) + ")" }

func (p *page) text() string {
	p.t.Helper()
	return value[string](p, `document.body.innerText`)
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}
