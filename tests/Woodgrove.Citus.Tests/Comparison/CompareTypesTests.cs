using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Comparison;

/// <summary>A changed value of each type is found, told with both values, and nothing else; so are values that only look alike.</summary>
public sealed class CompareTypesTests(ComparedClusters clusters, ClusterFixture cluster)
    : ClusterTest(cluster), IClassFixture<ComparedClusters>
{
    /// <summary>A type, a value, another one that is no less hard to tell from it, and both as PostgreSQL writes them.</summary>
    private static readonly (string Type, string Value, string Other, string? Text, string? OtherText)[] Types =
    [
        ("smallint", "1", "-1", "1", "-1"),
        ("integer", "7", "NULL", "7", null),
        ("bigint", "9007199254740992", "9007199254740993", "9007199254740992", "9007199254740993"),
        ("numeric", "1.0", "1.00", "1.0", "1.00"),
        ("numeric(10,2)", "1.10", "'NaN'", "1.10", "NaN"),
        ("real", "0.1", "0.10000002", "0.1", "0.10000002"),
        ("double precision", "0", "'-0'", "0", "-0"),
        ("float8", "0.1", "0.10000000000000002", "0.1", "0.10000000000000002"),
        ("text", "NULL", "'NULL'", null, "NULL"),
        ("text", "''", "NULL", "", null),
        ("text", "E'a\\nb'", "E'a\\\\nb'", "a\nb", "a\\nb"),
        ("text", "'a,\"b\"'", "'a,b'", "a,\"b\"", "a,b"),
        ("text", "U&'\\00E9'", "U&'e\\0301'", "é", "e\u0301"),
        ("varchar(20)", "'a'", "'a '", "a", "a "),
        ("char(4)", "'a'", "'b'", "a   ", "b   "),
        ("\"char\"", "'a'", "'b'", "a", "b"),
        ("bytea", "'\\x00ff'", "'\\x00fe'", "\\x00ff", "\\x00fe"),
        ("boolean", "true", "false", "t", "f"),
        ("date", "'2024-02-29'", "'infinity'", "2024-02-29", "infinity"),
        ("time", "'10:00:00.000001'", "'10:00'", "10:00:00.000001", "10:00:00"),
        ("timetz", "'10:00+02'", "'08:00+00'", "10:00:00+02", "08:00:00+00"),
        ("timestamp", "'2024-01-01 00:00'", "'2024-01-01 00:00:00.000001'", "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001"),
        ("timestamptz", "'2024-01-01 00:00+01'", "'2024-01-01 00:00+00'", "2023-12-31 23:00:00+00", "2024-01-01 00:00:00+00"),
        ("interval", "'1 month'", "'30 days'", "1 mon", "30 days"),
        ("uuid", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'",
            "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
        ("json", "'{\"a\": 1}'", "'{\"a\":1}'", "{\"a\": 1}", "{\"a\":1}"),
        ("jsonb", "'{\"a\": 1}'", "'{\"a\": \"1\"}'", "{\"a\": 1}", "{\"a\": \"1\"}"),
        ("inet", "'10.0.0.1'", "'10.0.0.1/24'", "10.0.0.1", "10.0.0.1/24"),
        ("cidr", "'10.0.0.0/24'", "'10.0.0.0/25'", "10.0.0.0/24", "10.0.0.0/25"),
        ("macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
        ("point", "'(1,2)'", "'(1,2.0000000000000004)'", "(1,2)", "(1,2.0000000000000004)"),
        ("int4range", "'[1,5)'", "'[1,5]'", "[1,5)", "[1,6)"),
        ("integer[]", "'{1,NULL}'", "'{{1,NULL}}'", "{1,NULL}", "{{1,NULL}}"),
        ("text[]", "'{NULL}'", "'{\"NULL\"}'", "{NULL}", "{\"NULL\"}"),
        ("bit(4)", "B'0101'", "B'0111'", "0101", "0111"),
        ("varbit", "B'0'", "B'00'", "0", "00"),
        ("money", "5.5", "5.51", "$5.50", "$5.51"),
        ("tsvector", "'a:1'", "'a:2'", "'a':1", "'a':2"),
        ("oid", "1", "2", "1", "2"),
        ("regclass", "'pg_class'", "'pg_type'", "pg_class", "pg_type"),
        ("compared_mood", "'good'", "'bad'", "good", "bad"),
        ("compared_pair", "'(1,)'", "'(1,\"\")'", "(1,)", "(1,\"\")"),
        ("compared_name", "'Ann'", "'ann'", "Ann", "ann"),
        ("text", "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i)", "'short'", null, "short"),
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_changed_value_of_each_type_is_told_with_both_values(bool isDistributed)
    {
        if (isDistributed) Cluster.RequireCitus();
        else Cluster.RequireSandbox();
        string table = Cluster.NewName("types");
        clusters.Execute("""
            DROP TYPE IF EXISTS compared_mood CASCADE; DROP TYPE IF EXISTS compared_pair CASCADE; DROP DOMAIN IF EXISTS compared_name CASCADE
            """);
        clusters.Execute("CREATE TYPE compared_mood AS ENUM ('good', 'bad')");
        clusters.Execute("CREATE TYPE compared_pair AS (a int, b text)");
        clusters.Execute("CREATE DOMAIN compared_name AS text");
        clusters.Execute($"CREATE TABLE {table} (id bigint PRIMARY KEY, {string.Join(", ", Types.Select((t, i) => $"c{i} {t.Type}"))})");
        if (isDistributed)
        {
            clusters.Execute(clusters.Source,
                $"SELECT create_distributed_table('{table}', 'id', shard_count := 4, colocate_with := 'none')");
            clusters.Execute(clusters.Target,
                $"SELECT create_distributed_table('{table}', 'id', shard_count := 3, colocate_with := 'none')");
        }
        for (int id = 1; id <= 20; id++)
            clusters.Execute($"INSERT INTO {table} SELECT {id}, {string.Join(", ", Types.Select(t => t.Value))}");
        Assert.True((bool)clusters.Compare(table).Single.Get("IsEqual")!);

        for (int i = 0; i < Types.Length; i++)
        {
            (string type, string value, string other, string? text, string? otherText) = Types[i];
            clusters.Execute(clusters.Target, $"UPDATE {table} SET c{i} = {other} WHERE id = 7");

            PSObject result = clusters.Compare(table).Single;

            object difference = Assert.Single((IEnumerable<object>)result.Get("Differences")!);
            Assert.Equal((false, "Different", "id = 7"),
                ((bool)result.Get("IsEqual")!, difference.Get("Kind")!.ToString(), (string)difference.Get("Key")!));
            object column = Assert.Single((IEnumerable)difference.Get("Columns")!)!;
            string? expected = value.StartsWith("(SELECT", StringComparison.Ordinal)
                ? (string)clusters.Scalar(clusters.Source, $"SELECT c{i} FROM {table} WHERE id = 7")! : text;
            Assert.True(($"c{i}", expected, otherText) == ((string)column.Get("Column")!, (string?)column.Get("Source"), (string?)column.Get("Target")),
                $"{type}: {column}");
            clusters.Execute(clusters.Target, $"UPDATE {table} SET c{i} = {value} WHERE id = 7");
        }
        Assert.True((bool)clusters.Compare(table).Single.Get("IsEqual")!);
        clusters.Execute($"DROP TABLE {table}");
    }

    [Fact]
    public void Modifiers_of_a_type_and_the_schema_of_its_extension_make_no_difference()
    {
        Cluster.RequireSandbox();
        string table = Cluster.NewName("c");
        clusters.Execute(clusters.Source, "CREATE SCHEMA extensions");
        clusters.Execute(clusters.Source, "CREATE EXTENSION cube SCHEMA extensions");
        clusters.Execute(clusters.Target, "CREATE EXTENSION cube");
        clusters.Execute(clusters.Source,
            $"CREATE TABLE {table} (id int PRIMARY KEY, span interval day to second(3), place extensions.cube, places extensions.cube[])");
        clusters.Execute(clusters.Target, $"CREATE TABLE {table} (id int PRIMARY KEY, span interval, place cube, places cube[])");
        try
        {
            clusters.Execute($"INSERT INTO {table} VALUES (1, '1 day 02:00', '(1,2)', '{{\"(1,2)\"}}'), (2, '3 min', '(3,4)', NULL)");

            RunResult run = clusters.Compare(table).Succeeded();

            Assert.True((bool)run.Single.Get("IsEqual")!);
            Assert.Contains(run.Warnings, w => w.EndsWith("place is extensions.cube in the source and public.cube in the target; "
                + "its values are compared as text.", StringComparison.Ordinal));
            clusters.Execute(clusters.Target, $"UPDATE {table} SET place = '(3,5)', span = '4 min' WHERE id = 2");
            Assert.Equal(["Different: id = 2: span: '00:03:00' / '00:04:00', place: '(3, 4)' / '(3, 5)'"], Differences(table));
        }
        finally
        {
            clusters.Execute($"DROP TABLE {table}");
            clusters.Execute("DROP EXTENSION cube");
            clusters.Execute(clusters.Source, "DROP SCHEMA extensions");
        }
    }

    [Fact]
    public void A_byte_above_127_is_compared_as_its_number()
    {
        Cluster.RequireSandbox();
        string table = Cluster.NewName("c");
        clusters.Execute($"CREATE TABLE {table} (id int PRIMARY KEY, mark \"char\")");
        clusters.Execute($"INSERT INTO {table} VALUES (1, (-56)::\"char\"), (2, 'a'), (3, NULL)");
        Assert.Empty(Differences(table));

        clusters.Execute(clusters.Target,
            $"UPDATE {table} SET mark = (-57)::\"char\" WHERE id = 1; UPDATE {table} SET mark = 'b' WHERE id = 2");

        Assert.Equal(["Different: id = 1: mark: '-56' / '-57'", "Different: id = 2: mark: 'a' / 'b'"], Differences(table));
    }

    /// <summary>Random damages, and what SQL that is not the module's says of them.</summary>
    [Fact]
    public void Random_damages_are_told_as_a_full_join_of_both_tables_has_them()
    {
        Cluster.RequireSandbox();
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WOODGROVE_TEST_SEED"), out int given) ? given : 20;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string table = Cluster.NewName("fuzz");
        clusters.Execute($"CREATE TABLE {table} (a int, b text, n numeric, note text, PRIMARY KEY (a, b))");
        clusters.Execute(clusters.Source, $"SELECT create_distributed_table('{table}', 'a', shard_count := 5, colocate_with := 'none')");
        clusters.Execute(clusters.Target, $"SELECT create_distributed_table('{table}', 'b', shard_count := 3, colocate_with := 'none')");
        clusters.Execute($"INSERT INTO {table} SELECT i % 100, 'b\"' || i, i / 7.0, CASE i % 5 WHEN 0 THEN NULL ELSE '(' || i || ',\\' END FROM generate_series(1, 5000) i");

        for (int round = 0; round < 8; round++)
        {
            int lost = random.Next(4), changed = random.Next(4), added = random.Next(4);
            clusters.Execute(clusters.Target,
                string.Join(';', Enumerable.Range(0, lost).Select(_ => $"DELETE FROM {table} WHERE b = 'b\"{random.Next(5000)}'")
                .Concat(Enumerable.Range(0, changed).Select(_ => $"UPDATE {table} SET note = '{random.Next()}', n = n * {random.Next(1, 3)} WHERE b = 'b\"{random.Next(5000)}'"))
                .Concat(Enumerable.Range(0, added).Select(_ => $"INSERT INTO {table} VALUES ({random.Next()}, 'new', 1, NULL)"))
                .Append("SELECT 1")));

            string[] told = [.. ((IEnumerable<object>)clusters.Compare(table, "-MaxDifferences 1000").Single.Get("Differences")!)
                .Select(d => $"{d.Get("Kind")} {d.Get("Key")} {string.Join(' ', ((IEnumerable)d.Get("Columns")!).Cast<object>().Select(c => c.Get("Column")))}".Trim())];

            Assert.Equal(Expected(table), told.Order(StringComparer.Ordinal));
        }
    }

    private string[] Differences(string table) =>
        [.. ((IEnumerable<object>)clusters.Compare(table).Single.Get("Differences")!).Select(d => d.ToString()!)];

    private string[] Expected(string table)
    {
        Dictionary<string, string?[]> source = Rows(clusters.Source, table), target = Rows(clusters.Target, table);
        return [.. source.Keys.Union(target.Keys).Select(k => (Key: k, From: source.GetValueOrDefault(k), To: target.GetValueOrDefault(k)))
            .Select(r => r.To is null ? $"OnlyInSource {r.Key}" : r.From is null ? $"OnlyInTarget {r.Key}"
                : r.From.SequenceEqual(r.To) ? "" : $"Different {r.Key} "
                    + string.Join(' ', new[] { "n", "note" }.Where((_, i) => r.From[i] != r.To[i])))
            .Where(d => d.Length > 0).Order(StringComparer.Ordinal)];
    }

    private Dictionary<string, string?[]> Rows(string cluster, string table)
    {
        using var session = clusters.Open(cluster);
        using var command = new Npgsql.NpgsqlCommand($"SELECT a::text, b, n::text, note FROM {table}", session);
        using var row = command.ExecuteReader();
        var rows = new Dictionary<string, string?[]>();
        while (row.Read()) rows.Add($"a = {row[0]}, b = {row[1]}", [row[2] as string, row[3] as string]);
        return rows;
    }
}
