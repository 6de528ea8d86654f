package formats

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keyPattern is what Kubernetes accepts as a key of a Secret.
var keyPattern = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)

// decodeKubernetes reads the data and stringData of a Secret, as YAML or JSON. Each key is a
// secret.
func decodeKubernetes(data []byte) (entries []Entry, problems []Problem, err error) {
	root, err := yamlDocument(data)
	if err != nil {
		return nil, nil, err
	}
	var secret struct {
		Kind       string
		Data       yaml.Node
		StringData yaml.Node `yaml:"stringData"`
	}
	if root.Decode(&secret) != nil || secret.Kind != "Secret" {
		return nil, nil, errors.New("the file is not a Secret of Kubernetes")
	}
	var encoded, plain yamlReader
	encoded.mapping(&secret.Data, "", 0)
	plain.mapping(&secret.StringData, "", 0)
	for _, e := range encoded.entries {
		value, err := base64.StdEncoding.DecodeString(string(e.Value))
		if err != nil {
			problems = append(problems, Problem{e.Path, "the value is not base64"})
			continue
		}
		entries = append(entries, Entry{e.Path, value})
	}
	return append(entries, plain.entries...), append(append(problems, encoded.problems...), plain.problems...), nil
}

// encodeKubernetes writes a Secret. In the keys, the slashes of paths are dots.
func encodeKubernetes(entries []Entry, o Options) ([]byte, []Problem, error) {
	if o.Name == "" {
		return nil, nil, errors.New("a Secret of Kubernetes needs --name")
	}
	data := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	owner := make(map[string]string)
	var problems []Problem
	for _, e := range entries {
		key := strings.ReplaceAll(e.Path, "/", ".")
		if other, taken := owner[key]; taken {
			problems = append(problems, Problem{e.Path, fmt.Sprintf("%s is also the key of %s", key, other)})
			continue
		}
		if !keyPattern.MatchString(key) {
			problems = append(problems, Problem{e.Path, "a key of a Secret has only letters, digits, - _ and ."})
			continue
		}
		owner[key] = e.Path
		data.Content = append(data.Content, yamlText(key), yamlText(base64.StdEncoding.EncodeToString(e.Value)))
	}
	metadata := []*yaml.Node{yamlText("name"), yamlText(o.Name)}
	if o.Namespace != "" {
		metadata = append(metadata, yamlText("namespace"), yamlText(o.Namespace))
	}
	plain := func(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text} }
	out, err := marshalYAML(&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{
		plain("apiVersion"), plain("v1"), plain("kind"), plain("Secret"),
		plain("metadata"), {Kind: yaml.MappingNode, Tag: "!!map", Content: metadata},
		plain("type"), plain("Opaque"), plain("data"), data,
	}})
	return out, problems, err
}
