package schema

import "reflect"

// Without returns a copy of params in which no Ref that drop chooses is left:
// the items of lists that hold one are gone. Refs are counted in field order,
// as Refs lists them. It returns nil when such a Ref stands outside of a list,
// or when a list would become shorter than its `min`.
func Without(params any, drop func(i int) bool) any {
	out := deepCopy(reflect.ValueOf(params))
	gone := map[*Ref]bool{}
	for i, r := range Refs(out.Interface()) {
		if drop(i) {
			gone[r] = true
		}
	}
	if !thin(out.Elem(), gone) || len(gone) > 0 {
		return nil
	}
	return out.Interface()
}

// thin cuts lists below a struct and takes what goes with them out of gone.
func thin(v reflect.Value, gone map[*Ref]bool) bool {
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		switch {
		case !field.IsExported() || f.Type() == curveType:
		case f.Kind() == reflect.Struct && f.Type() != refType:
			if !thin(f, gone) {
				return false
			}
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			kept := reflect.MakeSlice(f.Type(), 0, f.Len())
			for k := range f.Len() {
				if !holds(f.Index(k), gone) {
					kept = reflect.Append(kept, f.Index(k))
				}
			}
			if least := parseTag(field.Tag).min; kept.Len() < f.Len() && (kept.Len() == 0 || least != nil && kept.Len() < *least) {
				return false
			}
			f.Set(kept)
		}
	}
	return true
}

// holds says whether a Ref that goes is in the item, and ticks it off.
func holds(item reflect.Value, gone map[*Ref]bool) bool {
	found := false
	for _, r := range Refs(item.Addr().Interface()) {
		if gone[r] {
			delete(gone, r)
			found = true
		}
	}
	return found
}
