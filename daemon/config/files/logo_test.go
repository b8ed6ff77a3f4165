package files

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func pngOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A logo is a drawing; what could do or fetch something is refused, with words
// that say what it is.
func TestLogo(t *testing.T) {
	const head = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 8 8">`
	good := head + `<defs><linearGradient id="g"><stop offset="0"/></linearGradient></defs><style>path{fill:url(#g)}</style><use href="#p"/><path id="p" style="fill:url(#g)" d="M0 0h8v8z"/></svg>`
	whole := pngOf(t, 60, 36)
	for name, c := range map[string]struct {
		content []byte
		want    string // in the reason; empty means that it is fine
	}{
		"png":            {whole, ""},
		"svg":            {[]byte(good), ""},
		"declared":       {[]byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<!-- drawn -->" + good), ""},
		"broken png":     {whole[:len(whole)-20], "broken PNG"},
		"wide png":       {pngOf(t, 3000, 1), "3000 by 1"},
		"much":           {append([]byte(good), bytes.Repeat([]byte(" "), 64<<10)...), "more than 65536"},
		"empty":          {nil, "not a PNG"},
		"text":           {[]byte("logo"), "not a PNG"},
		"jpeg":           {[]byte("\xff\xd8\xff\xe0"), "not a PNG"},
		"cut off":        {[]byte(head + "<path"), "reading it"},
		"html":           {[]byte(`<html xmlns="http://www.w3.org/1999/xhtml"></html>`), "begins with <html>"},
		"no namespace":   {[]byte(`<svg></svg>`), "begins with <svg>"},
		"script":         {[]byte(head + `<script>alert(1)</script></svg>`), "<script>"},
		"foreign script": {[]byte(head + `<h:script xmlns:h="http://www.w3.org/1999/xhtml"/></svg>`), "<script>"},
		"handler":        {[]byte(strings.Replace(head, "viewBox", `onload="alert(1)" viewBox`, 1) + `</svg>`), "onload"},
		"HTML inside":    {[]byte(head + `<foreignObject/></svg>`), "<foreignObject>"},
		"link":           {[]byte(head + `<a href="#x"/></svg>`), "<a>"},
		"picture":        {[]byte(head + `<image href="#x"/></svg>`), "<image>"},
		"use":            {[]byte(head + `<use xlink:href="https://evil.example/x#p"/></svg>`), "evil.example"},
		"style":          {[]byte(head + `<style>@import "https://evil.example/"</style></svg>`), "something else"},
		"style in CDATA": {[]byte(head + `<style><![CDATA[path{fill:URL(https://evil.example/)}]]></style></svg>`), "something else"},
		"fill":           {[]byte(head + `<path fill="url(https://evil.example/x)"/></svg>`), "something else"},
		"animated":       {[]byte(head + `<set attributeName="href" to="javascript:alert(1)"/></svg>`), "<set>"},
		"entities":       {[]byte(`<!DOCTYPE svg [<!ENTITY a "aaaa">]>` + head + `&a;</svg>`), "document type"},
		"style sheet":    {[]byte(`<?xml-stylesheet href="https://evil.example/"?>` + good), "<?xml-stylesheet"},
	} {
		path := filepath.Join(t.TempDir(), "logo")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		f := Logo(path)
		if c.want == "" && f != (Fault{}) || c.want != "" && (!strings.Contains(f.Reason, c.want) || f.Fix == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := Logo(filepath.Join(t.TempDir(), "none")); f.Reason == "" {
		t.Error("a file that is not there is a logo")
	}
}
