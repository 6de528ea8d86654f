package operate

import (
	"fmt"
	"reflect"
	"strings"
)

// JSONFields is the annotation of a command with its members of --json, as the rows of a table in
// Markdown.
const JSONFields = "json"

// Fields returns the annotation of a command that prints v with --json. The tags json and help of
// its fields are the names and their meaning.
func Fields(v any) map[string]string {
	f := fields{described: make(map[reflect.Type]string)}
	f.add("", reflect.TypeOf(v))
	return map[string]string{JSONFields: f.rows.String()}
}

// fields collects the rows of a table.
type fields struct {
	rows      strings.Builder
	described map[reflect.Type]string // by the first member that has this type
}

// add adds the members of an object at prefix.
func (f *fields) add(prefix string, object reflect.Type) {
	for field := range object.Fields() {
		name, tagged := field.Tag.Lookup("json")
		switch {
		case field.Anonymous:
			f.add(prefix, field.Type)
		case tagged:
			f.addMember(prefix+name, field.Tag.Get("help"), field.Type)
		}
	}
}

func (f *fields) addMember(name, meaning string, t reflect.Type) {
	if t.Kind() == reflect.Slice {
		name += "[]"
	}
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	first, described := f.described[t]
	if described {
		meaning += "; with the members of `" + first + "`"
	}
	fmt.Fprintf(&f.rows, "| `%s` | %s |\n", name, meaning)
	if t.Kind() == reflect.Struct && !described {
		f.described[t] = name
		f.add(name+".", t)
	}
}
