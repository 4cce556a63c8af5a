// psa - are these pods allowed under Pod Security "restricted"?
//
//	psa FILE.yaml...
//
// Reads rendered manifests, finds the pod in every workload that has one, and
// asks the code that the API server itself asks (k8s.io/pod-security-admission).
// Prints a line per pod that is refused; ends with "N allowed, N refused".
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	yamlreader "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// template is what all workloads have in common: a pod somewhere inside.
type template struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

type object struct {
	Kind     string            `json:"kind"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		corev1.PodSpec `json:",inline"`
		Template       *template `json:"template"`
		JobTemplate    *struct {
			Spec struct {
				Template template `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// pod returns the pod of an object; nil when it has none. A Knative Service has
// its template where a Deployment has it.
func pod(o *object) *template {
	switch {
	case o.Kind == "Pod":
		return &template{o.Metadata, o.Spec.PodSpec}
	case o.Spec.JobTemplate != nil:
		return &o.Spec.JobTemplate.Spec.Template
	case o.Spec.Template != nil && len(o.Spec.Template.Spec.Containers) > 0:
		return o.Spec.Template
	}
	return nil
}

func check(name string, evaluator policy.Evaluator) (allowed, refused int,
	err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	restricted := api.LevelVersion{
		Level: api.LevelRestricted, Version: api.LatestVersion()}
	documents := yamlreader.NewYAMLReader(
		bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return allowed, refused, nil
		}
		if err != nil {
			return allowed, refused, err
		}
		var o object
		if err := yaml.Unmarshal(document, &o); err != nil {
			return allowed, refused, fmt.Errorf("%s: %w", name, err)
		}
		p := pod(&o)
		if p == nil {
			continue
		}
		result := policy.AggregateCheckResults(
			evaluator.EvaluatePod(restricted, &p.Metadata, &p.Spec))
		if result.Allowed {
			allowed++
			continue
		}
		refused++
		fmt.Printf("%s: %s %s: %s\n", name, o.Kind, o.Metadata.Name,
			result.ForbiddenDetail())
	}
}

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, "psa:", err)
		os.Exit(2)
	}
	allowed, refused := 0, 0
	for _, name := range os.Args[1:] {
		a, r, err := check(name, evaluator)
		if err != nil {
			fmt.Fprintln(os.Stderr, "psa:", err)
			os.Exit(2)
		}
		allowed, refused = allowed+a, refused+r
	}
	fmt.Printf("%d allowed, %d refused\n", allowed, refused)
	if refused > 0 || allowed == 0 {
		os.Exit(1)
	}
}
