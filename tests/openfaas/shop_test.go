// Package openfaas asks a running shop as OpenFaaS's clients do, with their
// own library. Needs BODEGA_URL, SHOP (its folder), ADMIN_TOKEN_FILE, and
// CALLBACK_ORIGINS with one http://127.0.0.1:port, which is listened on.
package openfaas

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/openfaas/faas-provider/types"
	sdk "github.com/openfaas/go-sdk"
	"github.com/openfaas/go-sdk/stack"
)

const top = "../.."

var background = context.Background()

func client(t *testing.T) *sdk.Client {
	t.Helper()
	base, err := url.Parse(os.Getenv("BODEGA_URL"))
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewClient(base, nil, &http.Client{})
}

func parse(t *testing.T) *stack.Services {
	t.Helper()
	services, err := stack.ParseYAMLFile(top+"/stack.yml", "", "", true)
	if err != nil {
		t.Fatal(err)
	}
	return services
}

// local runs a command of the local runner, such as pause and resume.
func local(t *testing.T, words ...string) {
	t.Helper()
	command := exec.Command(top+"/common/local/local.sh", words...)
	command.Env = append(os.Environ(), "BODEGA_RUN="+os.Getenv("SHOP"))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", words, err, out)
	}
}

func equal[T comparable](t *testing.T, got, wanted T, what string) {
	t.Helper()
	if got != wanted {
		t.Fatalf("%s: %v is not %v", what, got, wanted)
	}
}

// ask sends a request to the gateway; the body is read.
func ask(t *testing.T, method, path, body string, headers map[string]string) (
	*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, os.Getenv("BODEGA_URL")+path,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return answer(t, request, http.DefaultClient.Do)
}

func answer(t *testing.T, request *http.Request,
	do func(*http.Request) (*http.Response, error)) (*http.Response, string) {
	t.Helper()
	response, err := do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

// A function's own description, which it answers at its root.
type self struct {
	Name string `json:"name"`
}

// ---- stack.yml ----------------------------------------------------------

func TestStackIsWhatTheShopIsMadeOf(t *testing.T) {
	services := parse(t)
	equal(t, services.Provider.Name, "openfaas", "provider")
	folders, err := os.ReadDir(os.Getenv("SHOP") + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if _, known := services.Functions[folder.Name()]; folder.IsDir() && !known {
			t.Errorf("%s is not in stack.yml", folder.Name())
		}
	}
	for name, function := range services.Functions {
		t.Run(name, func(t *testing.T) { checkFunction(t, name, function) })
	}
}

func checkFunction(t *testing.T, name string, function stack.Function) {
	equal(t, function.Language, "dockerfile", "lang")
	equal(t, function.BuildArgs["FN"], name, "build argument")
	equal(t, function.ReadOnlyRootFilesystem, true, "read-only root")
	if strings.ContainsAny(function.Image, "$ ") ||
		!strings.Contains(function.Image, "/bodega-"+name+":") {
		t.Errorf("image %q", function.Image)
	}
	if _, err := os.Stat(top + "/" + function.Handler + "/Dockerfile"); err != nil {
		t.Errorf("nothing to build in the handler's folder: %v", err)
	}
	for key := range *function.Labels {
		if !strings.HasPrefix(key, "com.openfaas.scale.") {
			t.Errorf("label %s", key)
		}
	}
	annotations := *function.Annotations
	equal(t, annotations["com.openfaas.health.http.path"], "/_/health", "health")
	for _, secret := range function.Secrets {
		if strings.Trim(secret, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%q is no name of a Kubernetes secret", secret)
		}
	}
	for key, value := range function.Environment {
		if strings.Contains(value, "$") {
			t.Errorf("%s=%s", key, value)
		}
	}
}

func TestTopicsAreAnnotated(t *testing.T) {
	annotations := *parse(t).Functions["cart"].Annotations
	equal(t, annotations["topic"], "order.paid", "topic")
}

func TestImagesCanBeNamedElsewhere(t *testing.T) {
	t.Setenv("BODEGA_REGISTRY", "registry.example:5000/shop")
	t.Setenv("BODEGA_VERSION", "7")
	equal(t, parse(t).Functions["cart"].Image,
		"registry.example:5000/shop/bodega-cart:7", "image")
}

// ---- what there is ------------------------------------------------------

func TestListAndDescribe(t *testing.T) {
	listed, err := client(t).GetFunctions(background, "")
	if err != nil {
		t.Fatal(err)
	}
	functions := parse(t).Functions
	equal(t, len(listed), len(functions), "functions listed")
	for _, one := range listed {
		t.Run(one.Name, func(t *testing.T) {
			described, err := client(t).GetFunction(background, one.Name, "openfaas-fn")
			if err != nil {
				t.Fatal(err)
			}
			checkStatus(t, one, functions[one.Name])
			checkStatus(t, described, functions[one.Name])
		})
	}
	response, _ := ask(t, "GET", "/system/function/nosuch", "", nil)
	equal(t, response.StatusCode, 404, "no such function")
}

func checkStatus(t *testing.T, status types.FunctionStatus, function stack.Function) {
	t.Helper()
	equal(t, status.Image, function.Image, "image")
	equal(t, status.AvailableReplicas, 1, "it answers")
	equal(t, len(*status.Labels), len(*function.Labels), "labels")
	for key, value := range *function.Annotations {
		equal(t, (*status.Annotations)[key], value, key)
	}
	equal(t, strings.Join(status.Secrets, " "), strings.Join(function.Secrets, " "),
		"secrets")
	equal(t, status.Limits.Memory, function.Limits.Memory, "memory")
}

func TestInfo(t *testing.T) {
	info, err := client(t).GetInfo(background)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, info.Provider.Provider, "bodega", "provider")
	if info.Version.Release == "" {
		t.Error("no version")
	}
}

func TestNamespacesAndSecrets(t *testing.T) {
	namespaces, err := client(t).GetNamespaces(background)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, strings.Join(namespaces, " "), sdk.DefaultNamespace, "namespaces")
	secrets, err := client(t).GetSecrets(background, "")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, secret := range secrets {
		known[secret.Name] = true
		equal(t, secret.Value, "", "value of "+secret.Name)
	}
	for name, function := range parse(t).Functions {
		for _, secret := range function.Secrets {
			equal(t, known[secret], true, name+": "+secret)
		}
	}
}

func TestHealth(t *testing.T) {
	response, _ := ask(t, "GET", "/healthz", "", nil)
	equal(t, response.StatusCode, 200, "status")
}

// ---- what is done with Helm ---------------------------------------------

func TestChangesNameTheCommand(t *testing.T) {
	c := client(t)
	spec := types.FunctionDeployment{Service: "cart", Image: "x"}
	_, deploy := c.Deploy(background, spec)
	_, update := c.Update(background, spec)
	_, secret := c.CreateSecret(background, types.Secret{Name: "x", Value: "y"})
	_, change := c.UpdateSecret(background, types.Secret{Name: "x", Value: "y"})
	_, namespace := c.CreateNamespace(background, types.FunctionNamespace{Name: "x"})
	for what, err := range map[string]error{
		"deploy": deploy, "update": update,
		"delete":        c.DeleteFunction(background, "cart", ""),
		"scale":         c.ScaleFunction(background, "cart", "", 3),
		"secret":        secret,
		"change secret": change,
		"delete secret": c.DeleteSecret(background, "x", ""),
		"namespace":     namespace,
	} {
		if err == nil || !strings.Contains(err.Error(), "405") ||
			!strings.Contains(err.Error(), "helm upgrade --install bodega") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestRefusalsAreProblems(t *testing.T) {
	for path, allowed := range map[string]string{
		"/system/functions": "GET, HEAD", "/system/secrets": "GET, HEAD",
		"/system/scale-function/cart": "", "/system/function/cart": "GET, HEAD",
	} {
		response, text := ask(t, "DELETE", path, "", nil)
		equal(t, response.StatusCode, 405, path)
		equal(t, response.Header.Get("Content-Type"), "application/problem+json", path)
		equal(t, len(response.Header["Allow"]), 1, "Allow of "+path)
		equal(t, strings.TrimSpace(response.Header.Get("Allow")), allowed, path)
		equal(t, decode[struct{ Code string }](t, text).Code, "method-not-allowed", path)
	}
}

// ---- calls --------------------------------------------------------------

func TestInvokeEveryFunction(t *testing.T) {
	for name := range parse(t).Functions {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest("POST", "/", strings.NewReader(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "text/plain")
			response, text := answer(t, request, func(r *http.Request) (*http.Response, error) {
				return client(t).InvokeFunction(name, "", false, false, r)
			})
			equal(t, response.StatusCode, 200, text)
			equal(t, decode[self](t, text).Name, name, "who answered")
			_, text = ask(t, "GET", "/function/"+name, "", nil)
			equal(t, decode[self](t, text).Name, name, "without a namespace")
		})
	}
}

// newCart makes a cart as faas-cli would.
func newCart(t *testing.T) string {
	t.Helper()
	response, text := ask(t, "POST", "/function/cart.openfaas-fn/api/carts", "",
		map[string]string{"Content-Type": "text/plain"})
	equal(t, response.StatusCode, 201, text)
	return decode[struct{ ID string }](t, text).ID
}

func TestJSONIsTakenUnderAnyType(t *testing.T) {
	path := "/function/cart/api/carts/" + newCart(t) + "/items/X1"
	for _, kind := range []string{"text/plain", "text/plain; charset=utf-8", "",
		"application/x-www-form-urlencoded", "application/json"} {
		headers := map[string]string{}
		if kind != "" {
			headers["Content-Type"] = kind
		}
		response, text := ask(t, "PUT", path, `{"quantity":2}`, headers)
		equal(t, response.StatusCode, 200, kind+text)
	}
}
