// The cart peer in Go: net/http and go-redis, written as their own documents
// show. Same Redis keys and script as functions/cart, same prices from catalog
// kept for a second and asked for once, same JSON. It logs, counts and traces
// nothing, which functions/cart does for every request.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

type price struct {
	SKU      string `json:"sku"`
	Name     string `json:"name"`
	Price    int64  `json:"price"`
	Currency string `json:"currency"`
	at       time.Time
}

type line struct {
	SKU       string `json:"sku"`
	Name      string `json:"name"`
	UnitPrice int64  `json:"unit_price"`
	Quantity  int64  `json:"quantity"`
	LineTotal int64  `json:"line_total"`
}

type cart struct {
	ID       string `json:"id"`
	Items    []line `json:"items"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
	Count    int64  `json:"items_count"`
}

type server struct {
	db      *redis.Client
	catalog string
	token   string
	ttl     int64
	asking  sync.Mutex // one question to catalog at a time
	mu      sync.RWMutex
	prices  map[string]price
}

// What functions/cart's script asks of Redis: 0 no such cart, -1 full.
var put = redis.NewScript(`
if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) == 1 and
   redis.call('HLEN', KEYS[1]) > 51 then
  redis.call('HDEL', KEYS[1], ARGV[2])
  return -1
end
return 1`)

func (s *server) known(skus []string) (map[string]price, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	got := make(map[string]price, len(skus))
	for _, sku := range skus {
		p, ok := s.prices[sku]
		if !ok || time.Since(p.at) > time.Second {
			return nil, false
		}
		got[sku] = p
	}
	return got, true
}

func (s *server) fetch(ctx context.Context, skus []string) (map[string]price, error) {
	if got, ok := s.known(skus); ok {
		return got, nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if got, ok := s.known(skus); ok {
		return got, nil
	}
	type ref struct {
		SKU string `json:"sku"`
	}
	in := struct {
		Items []ref `json:"items"`
	}{}
	for _, sku := range skus {
		in.Items = append(in.Items, ref{sku})
	}
	body, _ := json.Marshal(in)
	req, err := http.NewRequestWithContext(ctx, "POST",
		s.catalog+"/internal/catalog/prices", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct {
		Items []price `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	got := make(map[string]price, len(out.Items))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range out.Items {
		p.at = time.Now()
		s.prices[p.SKU] = p
		got[p.SKU] = p
	}
	return got, nil
}

func (s *server) get(w http.ResponseWriter, r *http.Request, id string) {
	key := "cart:" + id
	pipe := s.db.Pipeline()
	all := pipe.HGetAll(r.Context(), key)
	pipe.Expire(r.Context(), key, time.Duration(s.ttl)*time.Second)
	if _, err := pipe.Exec(r.Context()); err != nil {
		http.Error(w, "redis", http.StatusServiceUnavailable)
		return
	}
	if len(all.Val()) == 0 {
		http.NotFound(w, r)
		return
	}
	skus := make([]string, 0, len(all.Val()))
	for sku := range all.Val() {
		if sku != "" {
			skus = append(skus, sku)
		}
	}
	sort.Strings(skus)
	prices, err := s.fetch(r.Context(), skus)
	if err != nil {
		http.Error(w, "catalog", http.StatusServiceUnavailable)
		return
	}
	c := cart{ID: id, Items: make([]line, 0, len(skus))}
	for _, sku := range skus {
		q, _ := strconv.ParseInt(all.Val()[sku], 10, 64)
		p := prices[sku]
		c.Items = append(c.Items, line{sku, p.Name, p.Price, q, q * p.Price})
		c.Total += q * p.Price
		c.Currency = p.Currency
		c.Count += q
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(c)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, id, sku string) {
	var in struct {
		Quantity int64 `json:"quantity"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, 4096))
	d.DisallowUnknownFields()
	if d.Decode(&in) != nil || in.Quantity < 1 || in.Quantity > 999 {
		http.Error(w, "quantity", http.StatusUnprocessableEntity)
		return
	}
	n, err := put.Run(r.Context(), s.db, []string{"cart:" + id}, s.ttl,
		sku, in.Quantity).Int()
	if err != nil {
		http.Error(w, "redis", http.StatusServiceUnavailable)
		return
	}
	if n < 1 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(struct {
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
	}{sku, in.Quantity})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/carts/"), "/")
	switch {
	case r.URL.Path == "/healthz":
		w.WriteHeader(http.StatusOK)
	case r.Method == "GET" && len(part) == 1:
		s.get(w, r, part[0])
	case r.Method == "PUT" && len(part) == 3:
		s.put(w, r, part[0], part[2])
	default:
		http.NotFound(w, r)
	}
}

func secret(name string) string {
	b, err := os.ReadFile(os.Getenv(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func main() {
	opt, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	opt.Password = secret("REDIS_PASSWORD_FILE")
	s := &server{db: redis.NewClient(opt), catalog: os.Getenv("CATALOG_URL"),
		token: secret("INTERNAL_TOKEN_FILE"), ttl: 604800,
		prices: map[string]price{}}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), s))
}
