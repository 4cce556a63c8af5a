package openfaas

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = 150 * time.Second // the bus gives back a dead one's work after 60

// A posted callback.
type callback struct {
	path   string
	header http.Header
	body   string
}

// listener takes callbacks and hands each to whoever waits for its path.
type listener struct {
	mu      sync.Mutex
	waiting map[string]chan callback
	refuse  map[string]int // so many times, then take it
}

var (
	calls  = &listener{waiting: map[string]chan callback{}, refuse: map[string]int{}}
	origin string
	serial int
)

func TestMain(m *testing.M) {
	if inside() {
		return
	}
	for _, word := range strings.Split(os.Getenv("CALLBACK_ORIGINS"), ",") {
		if u, err := url.Parse(word); err == nil && u.Hostname() == "127.0.0.1" {
			origin = word
			socket, err := net.Listen("tcp", u.Host)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			go http.Serve(socket, calls)
		}
	}
	os.Exit(m.Run())
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	where, known := l.waiting[r.URL.Path]
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case l.refuse[r.URL.Path] > 0:
		l.refuse[r.URL.Path]--
		w.WriteHeader(http.StatusInternalServerError)
	default:
		where <- callback{r.Method + " " + r.RequestURI, r.Header, string(body)}
	}
}

// expect opens a path of its own for callbacks, the first `refused` of which
// are answered 500.
func (l *listener) expect(refused int) (string, chan callback) {
	l.mu.Lock()
	defer l.mu.Unlock()
	serial++
	path := fmt.Sprintf("/hook/%d", serial)
	l.waiting[path] = make(chan callback, 16)
	l.refuse[path] = refused
	return origin + path, l.waiting[path]
}

func await(t *testing.T, from chan callback) callback {
	t.Helper()
	select {
	case c := <-from:
		return c
	case <-time.After(patience):
		t.Fatal("no callback")
		return callback{}
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)

// later posts to /async-function/ and gives back the call's id.
func later(t *testing.T, path, body string, headers map[string]string) string {
	t.Helper()
	response, text := ask(t, "POST", "/async-function/"+path, body, headers)
	equal(t, response.StatusCode, 202, text)
	id := response.Header.Get("X-Call-Id")
	if !uuid.MatchString(id) {
		t.Fatalf("X-Call-Id %q", id)
	}
	return id
}

// check that a callback is about this call.
func check(t *testing.T, c callback, id, name string, status int) {
	t.Helper()
	equal(t, c.header.Get("X-Call-Id"), id, "X-Call-Id")
	equal(t, c.header.Get("X-Function-Name"), name, "X-Function-Name")
	equal(t, c.header.Get("X-Function-Status"), strconv.Itoa(status), c.body)
	took, err := strconv.ParseFloat(c.header.Get("X-Duration-Seconds"), 64)
	if err != nil || took <= 0 {
		t.Fatalf("X-Duration-Seconds: %v %v", took, err)
	}
}

func TestEveryFunctionCanBeCalledLater(t *testing.T) {
	for name := range parse(t).Functions {
		if name == "async" {
			continue // a call that calls
		}
		t.Run(name, func(t *testing.T) {
			hook, from := calls.expect(0)
			request, err := http.NewRequest("POST", "/", strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Callback-Url", hook)
			response, text := answer(t, request, func(r *http.Request) (*http.Response, error) {
				return client(t).InvokeFunction(name, "", true, false, r)
			})
			equal(t, response.StatusCode, 202, text)
			equal(t, text, "", "body")
			c := await(t, from)
			check(t, c, response.Header.Get("X-Call-Id"), name, 200)
			equal(t, decode[self](t, c.body).Name, name, "who answered")
		})
	}
}

func TestAsyncItselfAndStrangersAreNotCalled(t *testing.T) {
	for _, name := range []string{"async", "nosuch", "gateway", "cart2"} {
		response, _ := ask(t, "POST", "/async-function/"+name, "", nil)
		equal(t, response.StatusCode, 404, name)
	}
	response, _ := ask(t, "GET", "/async-function/cart", "", nil)
	equal(t, response.StatusCode, 405, "GET")
	equal(t, response.Header.Get("Allow"), "POST", "Allow")
}

func TestPathBodyAndTypeGoAlong(t *testing.T) {
	hook, from := calls.expect(0)
	id := later(t, "cart.openfaas-fn/api/carts", "",
		map[string]string{"X-Callback-Url": hook + "?for=me"})
	c := await(t, from)
	check(t, c, id, "cart", 201)
	if !strings.HasPrefix(c.path, "POST /hook/") || !strings.HasSuffix(c.path, "?for=me") {
		t.Errorf("callback to %s", c.path)
	}
	if !strings.HasPrefix(c.header.Get("Content-Type"), "application/json") {
		t.Errorf("type %s", c.header.Get("Content-Type"))
	}
	cart := decode[struct{ ID string }](t, c.body).ID
	response, _ := ask(t, "GET", "/api/carts/"+cart, "", nil)
	equal(t, response.StatusCode, 200, "the cart it made")
}

func TestErrorsAreAnswersToo(t *testing.T) {
	for path, status := range map[string]int{
		"cart/nothing/here":                   404,
		"catalog/api/catalog/products?x=1":    405,
		"catalog/internal/catalog/prices":     404,
		"catalog/metrics":                     404,
		"relay/api/admin/dead-letters/replay": 401,
	} {
		hook, from := calls.expect(0)
		id := later(t, path, `{}`, map[string]string{"X-Callback-Url": hook})
		c := await(t, from)
		check(t, c, id, strings.Split(path, "/")[0], status)
		equal(t, c.header.Get("Content-Type"), "application/problem+json", path)
	}
}

func TestStaffsTokenGoesAlongUnreadable(t *testing.T) {
	token, err := os.ReadFile(os.Getenv("ADMIN_TOKEN_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(token))
	hook, from := calls.expect(0)
	id := later(t, "relay/api/admin/dead-letters/replay", `{"group":"nobody"}`,
		map[string]string{"X-Callback-Url": hook, "Authorization": "Bearer " + secret})
	check(t, await(t, from), id, "relay", 200)
	if strings.Contains(onTheBus(t), secret) {
		t.Error("the token is on the bus as it is")
	}
}

// onTheBus is all that NATS has on disk.
func onTheBus(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	root := os.DirFS(os.Getenv("SHOP") + "/nats")
	if err := walk(root, &all); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(all.String(), "async.called") {
		t.Fatal("this is not what is on the bus")
	}
	return all.String()
}

func TestPathsThatMeanTwoThingsAreRefused(t *testing.T) {
	for _, path := range []string{"cart/a%2f..%2f..%2finternal", "cart/%2e%2e/x",
		"cart/a%00b", "cart/a%5cb"} {
		response, text := ask(t, "POST", "/async-function/"+path, "", nil)
		if response.StatusCode != 400 && response.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, response.StatusCode, text)
		}
	}
}

func TestOnlyListedOriginsAreCalledBack(t *testing.T) {
	port := origin[strings.LastIndex(origin, ":"):]
	for _, hook := range []string{"http://127.0.0.1:1/x", "http://localhost" + port + "/x",
		origin + "0/x", origin + "@example.com/", "ftp://127.0.0.1" + port + "/",
		"http://169.254.169.254/latest/meta-data", "/x", "x", origin + "/a b",
		os.Getenv("BODEGA_URL") + ".example/x"} {
		response, text := ask(t, "POST", "/async-function/cart", "",
			map[string]string{"X-Callback-Url": hook})
		equal(t, response.StatusCode, 422, hook)
		equal(t, decode[struct{ Code string }](t, text).Code, "invalid", hook)
	}
}

func TestTheShopItselfMayBeCalledBack(t *testing.T) {
	id := later(t, "cart/api/carts", "", map[string]string{
		"X-Callback-Url": os.Getenv("BODEGA_URL") + "/function/email"})
	until(t, "the log to tell of the callback", func() bool {
		text, err := os.ReadFile(os.Getenv("SHOP") + "/log/async.log")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, id) &&
				strings.Contains(line, `"topic":"async.answered"`) {
				return strings.Contains(line, `"outcome":"ok"`)
			}
		}
		return false
	})
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

func TestTooMuchIsRefusedAtOnce(t *testing.T) {
	response, _ := ask(t, "POST", "/async-function/cart", strings.Repeat("x", 262145), nil)
	equal(t, response.StatusCode, 413, "more than 256 KiB")
	hook, from := calls.expect(0)
	id := later(t, "cart", strings.Repeat("x", 262144),
		map[string]string{"X-Callback-Url": hook})
	check(t, await(t, from), id, "cart", 413)
}

func TestRefusedCallbackComesAgain(t *testing.T) {
	hook, from := calls.expect(2)
	id := later(t, "cart/api/carts", "", map[string]string{"X-Callback-Url": hook})
	check(t, await(t, from), id, "cart", 201)
}

func TestCallWaitsForAFunctionThatIsAway(t *testing.T) {
	local(t, "pause", "cart")
	hook, from := calls.expect(0)
	id := later(t, "cart/api/carts", "", map[string]string{"X-Callback-Url": hook})
	local(t, "resume", "cart")
	check(t, await(t, from), id, "cart", 201)
}

func TestCallsOutliveTheProcessThatTookThem(t *testing.T) {
	local(t, "pause", "cart")
	ids := map[string]bool{}
	hook, from := calls.expect(0)
	for range 10 {
		ids[later(t, "cart/api/carts", "", map[string]string{"X-Callback-Url": hook})] = true
	}
	local(t, "kill", "async")
	local(t, "resume", "cart")
	for len(ids) > 0 {
		c := await(t, from)
		equal(t, c.header.Get("X-Function-Status"), "201", c.body)
		delete(ids, c.header.Get("X-Call-Id"))
	}
}

// A call that cannot be read any more, because the key is another, waits among
// the dead letters until the key is back and it is replayed.
func TestDeadCallsAreReplayed(t *testing.T) {
	key := os.Getenv("SHOP") + "/secrets/async_key"
	right, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(os.Getenv("ADMIN_TOKEN_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	staff := map[string]string{"Authorization": "Bearer " + strings.TrimSpace(string(token)),
		"Content-Type": "application/json"}
	local(t, "pause", "cart")
	hook, from := calls.expect(0)
	id := later(t, "cart/api/carts", "",
		map[string]string{"X-Callback-Url": hook, "Authorization": "Bearer mine"})
	local(t, "pause", "async")
	rekey(t, key, []byte("another key"))
	local(t, "resume", "async")
	until(t, "the dead letter", func() bool {
		_, text := ask(t, "GET", "/api/admin/dead-letters?group=async", "", staff)
		return strings.Contains(text, id)
	})
	local(t, "pause", "async")
	rekey(t, key, right)
	local(t, "resume", "async")
	local(t, "resume", "cart")
	response, text := ask(t, "POST", "/api/admin/dead-letters/replay",
		`{"group":"async"}`, staff)
	equal(t, response.StatusCode, 200, text)
	check(t, await(t, from), id, "cart", 201)
}

// rekey writes another text into a file only its owner may read.
func rekey(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
}
