-- Up Migration
-- The lengths are those of the API (src/routes/quotes.ts): both count characters, not bytes.
CREATE TABLE quotes (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
  author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Down Migration
DROP TABLE quotes;
