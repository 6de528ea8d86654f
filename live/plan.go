package live

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// plan is how the secrets of a project become the fields of a struct.
type plan struct {
	project string
	fields  []field
}

// field is a field that is bound to a secret.
type field struct {
	name     string // in Go, such as DB.Password
	index    []int
	addr     myvault.Address
	optional bool
	parse    parser
}

// parser sets a field to a value. Its errors may quote the value, so their texts are not used.
type parser func(to reflect.Value, raw []byte) error

// planOf returns the plan of a struct, or all that is wrong with it.
func planOf[T any](project string) (plan, error) {
	p := plan{project: project}
	of := reflect.TypeFor[T]()
	if of.Kind() != reflect.Struct {
		return p, fmt.Errorf("live: %w: %v is not a struct", myvault.ErrInvalid, of)
	}
	var wrong []error
	p.add(of, "", nil, &wrong)
	if len(p.fields) == 0 && len(wrong) == 0 {
		wrong = append(wrong, fmt.Errorf("live: %w: no field of %v has a vault tag", myvault.ErrInvalid, of))
	}
	return p, errors.Join(wrong...)
}

// add adds the fields of a struct and of the structs in it.
func (p *plan) add(of reflect.Type, name string, index []int, wrong *[]error) {
	for f := range of.Fields() {
		full := name + f.Name
		at := slices.Concat(index, f.Index)
		tag, tagged := f.Tag.Lookup("vault")
		switch {
		case !tagged && f.Type.Kind() == reflect.Struct && f.IsExported():
			p.add(f.Type, full+".", at, wrong)
			continue
		case !tagged:
			continue
		}
		bound, err := p.bind(f, tag)
		if err != nil {
			*wrong = append(*wrong, fmt.Errorf("live: field %s: %w", full, err))
			continue
		}
		bound.name, bound.index = full, at
		p.fields = append(p.fields, bound)
	}
}

// bind returns the field of a tag.
func (p *plan) bind(f reflect.StructField, tag string) (field, error) {
	path, options, _ := strings.Cut(tag, ",")
	bound := field{addr: myvault.Address{Project: p.project, Path: path}}
	if !f.IsExported() {
		return bound, fmt.Errorf("%w: it is not exported", myvault.ErrInvalid)
	}
	if err := bound.addr.Validate(); err != nil {
		return bound, err
	}
	format := ""
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "optional":
			bound.optional = true
		case "json", "pem":
			if format != "" {
				return bound, fmt.Errorf("%w: json and pem exclude each other", myvault.ErrInvalid)
			}
			format = option
		default:
			return bound, fmt.Errorf("%w: unknown option in its tag; want json, pem or optional", myvault.ErrInvalid)
		}
	}
	if bound.parse = parserOf(f.Type, format); bound.parse == nil {
		return bound, fmt.Errorf("%w: a %v cannot be bound this way", myvault.ErrInvalid, f.Type)
	}
	return bound, nil
}

// parserOf returns the parser of a field, nil if there is none.
func parserOf(of reflect.Type, format string) parser {
	switch {
	case format == "json":
		return parseJSON
	case format == "pem":
		return pemParser(of)
	case of == reflect.TypeFor[myvault.Value]():
		return parseValue
	case of == reflect.TypeFor[time.Duration]():
		return parseDuration
	case reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return parseText
	case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Uint8:
		return parseBytes
	}
	return scalarParser(of.Kind())
}

// prefix returns the smallest prefix that selects all secrets of the plan.
func (p plan) prefix() myvault.Prefix {
	common := p.fields[0].addr.Path
	for _, f := range p.fields {
		for common != "" && !(myvault.Prefix{Project: p.project, Path: common}).Contains(f.addr) {
			folder := strings.TrimSuffix(common, "/")
			common = folder[:strings.LastIndexByte(folder, '/')+1]
		}
	}
	return myvault.Prefix{Project: p.project, Path: common}
}

// addresses returns the distinct addresses of the plan, in order.
func (p plan) addresses() []myvault.Address {
	var all []myvault.Address
	for _, f := range p.fields {
		all = append(all, f.addr)
	}
	slices.SortFunc(all, myvault.Address.Compare)
	return slices.Compact(all)
}

// optional reports whether no field needs the secret.
func (p plan) optional(addr myvault.Address) bool {
	return !slices.ContainsFunc(p.fields, func(f field) bool { return f.addr == addr && !f.optional })
}
