package rehearse

import "testing"

// What looks like a secret isn't passed to a twin by mending it.
func TestIsSecret(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
	}{
		{"GITHUB_TOKEN", "", true}, {"AWS_SECRET_ACCESS_KEY", "", true}, {"PGPASSWORD", "", true}, {"MYSQL_PWD", "", true}, {"DB_PASS", "", true},
		{"SENTRY_DSN", "", true}, {"GITHUB_PAT", "", true}, {"GOOGLE_CREDS", "", true},
		{"DATABASE_URL", "postgres://ada:hunter2@db/grades", true}, {"REDIS_URL", "redis://:hunter2@cache", true}, {"STORE", "AccountName=a;AccountKey=b", true},
		{"ODBC", "Server=db;Pwd=b", true},

		{"COURSE_LEVEL", "3", false}, {"DATABASE_URL", "postgres://ada@db/grades", false}, {"PATTERN", "a:b@c", false}, {"DATA", "https://example.org/a:b", false},
	} {
		if got := isSecret(c.name, c.value); got != c.want {
			t.Errorf("%s=%s: %v", c.name, c.value, got)
		}
	}
}
