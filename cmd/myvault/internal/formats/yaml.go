package formats

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

var errNotYAML = errors.New("the file is not one YAML mapping")

// decodeYAML reads a mapping. Nested mappings are paths with several segments. Scalars are kept as
// they are written, so that 007 and 1.10 stay the same.
func decodeYAML(data []byte) ([]Entry, []Problem, error) {
	root, err := yamlDocument(data)
	if err != nil {
		return nil, nil, err
	}
	var r yamlReader
	r.mapping(root, "", 0)
	return r.entries, r.problems, nil
}

// yamlDocument returns the mapping of the only document. The errors of the library are not used:
// they may quote a value.
func yamlDocument(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	if d.Decode(&document) != nil || len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errNotYAML
	}
	if err := d.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, errNotYAML
	}
	return document.Content[0], nil
}

type yamlReader struct {
	entries  []Entry
	problems []Problem
}

// maxYAML limits the entries and the depth of a file, which aliases could multiply.
const maxYAML = 1 << 16

func (r *yamlReader) mapping(m *yaml.Node, path string, depth int) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, node := m.Content[i], m.Content[i+1]
		name := key.Value
		if path != "" {
			name = path + "/" + name
		}
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			r.problem(name, node, "the key is not a name")
			continue
		}
		r.node(node, name, depth)
	}
}

func (r *yamlReader) node(node *yaml.Node, name string, depth int) {
	for n := 0; node.Kind == yaml.AliasNode && n < 100; n++ {
		node = node.Alias
	}
	switch {
	case depth > 100 || len(r.entries)+len(r.problems) > maxYAML:
		if len(r.problems) <= maxYAML+1 {
			r.problem(name, node, "the file has too many entries")
		}
	case node.Kind == yaml.MappingNode:
		r.mapping(node, name, depth+1)
	case node.Kind != yaml.ScalarNode:
		r.problem(name, node, "a sequence cannot be a value: write it as a string")
	case node.ShortTag() == "!!null":
		r.problem(name, node, "null cannot be a value")
	case node.ShortTag() == "!!binary":
		value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(node.Value), ""))
		if err != nil {
			r.problem(name, node, "the value is not base64")
			return
		}
		r.entries = append(r.entries, Entry{name, value})
	default:
		r.entries = append(r.entries, Entry{name, []byte(node.Value)})
	}
}

func (r *yamlReader) problem(name string, node *yaml.Node, why string) {
	r.problems = append(r.problems, Problem{fmt.Sprintf("line %d, %s", node.Line, name), why})
}

// encodeYAML writes a mapping with the paths as keys.
func encodeYAML(entries []Entry, _ Options) ([]byte, []Problem, error) {
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, e := range entries {
		root.Content = append(root.Content, yamlText(e.Path), yamlValue(e.Value))
	}
	out, err := marshalYAML(root)
	return out, nil, err
}

func yamlText(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

// yamlValue returns a text in double quotes, which keep every character, or bytes as base64.
func yamlValue(value []byte) *yaml.Node {
	if utf8.Valid(value) && isText(value) {
		return yamlText(string(value))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!binary", Value: base64.StdEncoding.EncodeToString(value)}
}

func marshalYAML(root *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := errors.Join(encoder.Encode(root), encoder.Close())
	return out.Bytes(), err
}
