// Command image-verifier lets a node pull what the cluster's key signed, and of what nobody signed only the
// repositories that the cluster was stocked with. containerd runs it before each pull:
// https://github.com/containerd/containerd/blob/main/docs/image-verification.md
package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What the node is told in the file that IMAGE_VERIFIER_CONFIG names.
type config struct {
	// The registry that answers for all others, up to and with /v2.
	Registry string
	// Public keys in PEM, one after the other: a signature by any of them will do.
	Keys string
	// Repositories whose images need no signature.
	Unsigned []string
}

type descriptor struct {
	MediaType   string
	Digest      string
	Annotations map[string]string
}

// What a signature says, as containers/image and cosign write it.
type payload struct {
	Critical struct {
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		}
		Type string
	}
}

const (
	mostBytes     = 1 << 20
	manifestType  = "application/vnd.oci.image.manifest.v1+json"
	payloadType   = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureType = "cosign container image signature"
	signatureOf   = "dev.cosignproject.cosign/signature"
)

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func main() {
	name := flag.String("name", "", "the image")
	digest := flag.String("digest", "", "the digest that its name resolves to")
	flag.String("stdin-media-type", "", "what is on standard input, which is not read")
	flag.Parse()
	verdict, err := judge(*name, *digest)
	if err != nil {
		// Standard output is what kubelet and "npm run status" tell.
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(verdict)
}

func judge(name, digest string) (string, error) {
	repository := repositoryOf(name)
	own, keys, err := readConfig(os.Getenv("IMAGE_VERIFIER_CONFIG"))
	if err != nil {
		return "", fmt.Errorf("the node does not know whose signature to ask for: %w", err)
	}
	if slices.Contains(own.Unsigned, repository) {
		return "needs no signature", nil
	}
	if !digestForm.MatchString(digest) {
		return "", fmt.Errorf("%s has the digest %q, which nothing here signs", repository, digest)
	}
	signatures, err := signaturesOf(own.Registry+"/"+repository, digest)
	if err != nil {
		return "", fmt.Errorf("whether %s is signed is not known: %w", repository, err)
	}
	for _, signature := range signatures {
		if signs(signature, digest, keys) {
			return "signed", nil
		}
	}
	if len(signatures) == 0 {
		return "", fmt.Errorf("nobody signed %s@%s: npm run image and npm run release sign what they build", repository, digest)
	}
	return "", fmt.Errorf("none of the signatures of %s@%s is by the cluster's key", repository, digest)
}

// Without tag and digest; a port is followed by a slash.
func repositoryOf(name string) string {
	repository, _, _ := strings.Cut(name, "@")
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		return repository[:colon]
	}
	return repository
}

func readConfig(file string) (config, []*ecdsa.PublicKey, error) {
	var own config
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &own)
	}
	if err != nil {
		return own, nil, err
	}
	var keys []*ecdsa.PublicKey
	for block, rest := pem.Decode([]byte(own.Keys)); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, isEcdsa := parsed.(*ecdsa.PublicKey)
		if err != nil || !isEcdsa {
			return own, nil, fmt.Errorf("%s has a key that is no ECDSA one", file)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return own, nil, fmt.Errorf("%s has no key", file)
	}
	return own, keys, nil
}

type signature struct {
	payload []byte
	bytes   []byte
}

// All that lie where cosign puts them; none where there is no such tag.
func signaturesOf(repository, digest string) ([]signature, error) {
	text, err := get(repository + "/manifests/" + strings.Replace(digest, ":", "-", 1) + ".sig")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var manifest struct{ Layers []descriptor }
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, err
	}
	var found []signature
	for _, layer := range manifest.Layers {
		bytes, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureOf])
		if layer.MediaType != payloadType || err != nil || !digestForm.MatchString(layer.Digest) {
			continue
		}
		payload, err := get(repository + "/blobs/" + layer.Digest)
		if err != nil {
			return nil, err
		}
		found = append(found, signature{payload, bytes})
	}
	return found, nil
}

// Whether one of the keys signed that the image has this digest.
func signs(given signature, digest string, keys []*ecdsa.PublicKey) bool {
	sum := sha256.Sum256(given.payload)
	if !slices.ContainsFunc(keys, func(key *ecdsa.PublicKey) bool {
		return ecdsa.VerifyASN1(key, sum[:], given.bytes)
	}) {
		return false
	}
	var said payload
	err := json.Unmarshal(given.payload, &said)
	return err == nil && said.Critical.Type == signatureType && said.Critical.Image.Digest == digest
}

var client = &http.Client{Timeout: 5 * time.Second}

func get(url string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", manifestType)
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, os.ErrNotExist
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, mostBytes))
}
