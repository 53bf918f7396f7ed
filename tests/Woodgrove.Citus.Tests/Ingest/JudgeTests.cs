using System.Management.Automation;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Test-CitusCsv, each route of a load and psql judge a file alike: the same line, for the same reason.</summary>
public sealed class JudgeTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    /// <summary>Files with one damaged record: the table's columns, the file, the line and the SQLSTATE. <c>\xNN</c> is a byte.</summary>
    public static TheoryData<string, string, string, long, string> Damaged => new()
    {
        { "not UTF-8", "id bigint, v text", "id,v\n1,a\n2,M\\xFCller\n3,c\n", 3, "22021" },
        { "a character that is cut", "id bigint, v text", "id,v\n1,a\n2,M\\xC3\n3,c\n", 3, "22021" },
        { "a surrogate in UTF-8", "id bigint, v text", "id,v\n1,a\n2,\\xED\\xA0\\x80\n3,c\n", 3, "22021" },
        { "a zero byte", "id bigint, v text", "id,v\n1,a\n2,x\\x00y\n3,c\n", 3, "22021" },
        { "a lone CR", "id bigint, v text", "id,v\n1,a\n2,a\rb\n3,c\n", 3, "22P04" },
        { "a CRLF line among LF lines", "id bigint, v text", "id,v\n1,a\n2,b\r\n3,c\n", 3, "22P04" },
        { "an LF line among CRLF lines", "id bigint, v text", "id,v\r\n1,a\r\n2,b\n3,c\r\n", 3, "22P04" },
        { "a lone CR among CRLF lines", "id bigint, v text", "id,v\r\n1,a\r\n2,a\rb\r\n3,c\r\n", 3, "22P04" },
        { "an LF among CR lines", "id bigint, v text", "id,v\r1,a\r2,a\nb\r3,c\r", 3, "22P04" },
        { "a CR at the end of a CRLF file", "id bigint, v text", "id,v\r\n1,a\r\n2,b\r", 3, "22P04" },
        { "an empty LF line in a CRLF file", "id bigint, v text", "id,v\r\n1,a\r\n\n3,c\r\n", 3, "22P04" },
        { "too few fields", "id bigint, v text", "id,v\n1,a\n2\n3,c\n", 3, "22P04" },
        { "too many fields", "id bigint, v text", "id,v\n1,a\n2,b,x\n3,c\n", 3, "22P04" },
        { "real out of range", "id bigint, v real", "id,v\n1,1\n2,1e39\n3,3\n", 3, "22003" },
        { "double out of range", "id bigint, v float8", "id,v\n1,1\n2,1e400\n3,3\n", 3, "22003" },
        { "smallint out of range", "id bigint, v smallint", "id,v\n1,1\n2,40000\n3,3\n", 3, "22003" },
        { "bigint out of range", "id bigint, v bigint", "id,v\n1,1\n2,9223372036854775808\n3,3\n", 3, "22003" },
        { "numeric out of its precision", "id bigint, v numeric(4,2)", "id,v\n1,1\n2,100\n3,3\n", 3, "22003" },
        { "no number", "id bigint, v int", "id,v\n1,1\n2,x\n3,3\n", 3, "22P02" },
        { "\\u0000 in jsonb", "id bigint, v jsonb", "id,v\n1,1\n2,\"{\"\"a\"\":\"\"\\u0000\"\"}\"\n3,3\n", 3, "22P05" },
        { "a lone surrogate in jsonb", "id bigint, v jsonb", "id,v\n1,1\n2,\"{\"\"a\"\":\"\"\\ud800\"\"}\"\n3,3\n", 3, "22P02" },
        { "no JSON", "id bigint, v json", "id,v\n1,1\n2,{a}\n3,3\n", 3, "22P02" },
        { "too few bits", "id bigint, v bit(3)", "id,v\n1,101\n2,1011\n3,111\n", 3, "22026" },
        { "too many bits", "id bigint, v varbit(3)", "id,v\n1,101\n2,1011\n3,111\n", 3, "22001" },
        { "varchar too long", "id bigint, v varchar(3)", "id,v\n1,a\n2,abcd\n3,c\n", 3, "22001" },
        { "char too long", "id bigint, v char(3)", "id,v\n1,a\n2,abcd\n3,c\n", 3, "22001" },
        { "a CHECK", "id bigint, v int CHECK (v < 10)", "id,v\n1,1\n2,11\n3,3\n", 3, "23514" },
        { "NOT NULL", "id bigint, v int NOT NULL", "id,v\n1,1\n2,\n3,3\n", 3, "23502" },
        { "a generated column that divides by zero", "id bigint, v int, g int GENERATED ALWAYS AS (10 / v) STORED", "id,v\n1,1\n2,0\n3,3\n",
            3, "22012" },
        { "a key twice", "id bigint PRIMARY KEY, v int", "id,v\n1,1\n1,2\n3,3\n", 3, "23505" },
        { "a key that the table has", "id bigint PRIMARY KEY, v int", "id,v\n1,1\n1000,2\n3,3\n", 3, "23505" },
        { "no distribution value", "id bigint, v int", "id,v\n1,1\n,2\n3,3\n", 3, "22004" },
        { "no such date", "id bigint, v date", "id,v\n1,2024-01-01\n2,2024-02-30\n3,2024-01-03\n", 3, "22008" },
        { "no partition", "id bigint, v int) PARTITION BY RANGE (v", "id,v\n1,1\n2,200\n3,3\n", 3, "23514" },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Each_judge_names_the_line_and_the_reason(string what, string definition, string text, long line, string sqlState)
    {
        Cluster.RequireCitus();
        byte[] bytes = Bytes(text);
        Shell["file"] = Cluster.File(Cluster.NewName("judged") + ".csv", bytes);

        string table = Create(definition);
        PSObject profile = Shell.Run($"Test-CitusCsv $file {table}").Single;
        Assert.False((bool)profile.Get("IsClean")!, what);
        Assert.Equal((1L, line), (profile.Get("ProblemCount"), Assert.Single((IEnumerable<object>)profile.Get("Problems")!).Get("Line")));
        string reason = (string)Assert.Single((IEnumerable<object>)profile.Get("Problems")!).Get("Reason")!;

        foreach (string route in new[] { "Coordinator", "Worker", "Shard" })
        {
            ErrorRecord error = Shell.Run($"Import-CsvToCitus $file {table} -Route {route}").Failed("CitusRowRefused");
            Assert.True(error.Exception.Message.Contains($", line {line}", StringComparison.Ordinal)
                && error.Exception.Message.Contains($"(SQLSTATE {sqlState})", StringComparison.Ordinal),
                $"{what}, {route}: {error.Exception.Message}");
            Assert.Equal(1L, Cluster.Count(table));
            if (route == "Worker") continue; // which takes all rows or none
            PSObject skipped = Shell.Run($"Import-CsvToCitus $file {table} -Route {route} -OnError Skip").Single;
            object row = Assert.Single((IEnumerable<object>)skipped.Get("Rejects")!);
            Assert.Equal((line, sqlState), (row.Get("Line"), row.Get("SqlState")));
            // said in Citus's words, or about COPY
            if (sqlState is not ("22004" or "22P04")) Assert.Equal(Plain(reason), Plain((string)row.Get("Reason")!));
            Assert.Equal(1L + (long)skipped.Get("Rows")!, Cluster.Count(table));
            Cluster.Execute($"DELETE FROM {table} WHERE id <> 1000");
        }
        Assert.Throws<PostgresException>(() => Cluster.CopyAsPsql(table, bytes, "FORMAT csv, HEADER"));
    }

    [Theory]
    [InlineData("id,v\n1,\"a\r\nb\"\n2,\"c\rd\"\n")]
    [InlineData("id,v\r\n1,\"a\nb\"\r\n2,\"c\rd\"\r\n")]
    [InlineData("id,v\r1,\"a\r\nb\"\r2,\"c\nd\"\r")]
    [InlineData("id,v\r\n1,a\r\n2,b")]
    public void Line_breaks_inside_quotes_are_part_of_values(string text)
    {
        Cluster.RequireCitus();
        string table = Create("id bigint, v text"), as_ = Create("id bigint, v text");
        Shell["file"] = Cluster.File(Cluster.NewName("judged") + ".csv", text);
        Cluster.CopyAsPsql(as_, Encoding.UTF8.GetBytes(text), "FORMAT csv, HEADER");

        Assert.True((bool)Shell.Run($"Test-CitusCsv $file {table}").Single.Get("IsClean")!);
        foreach (string route in new[] { "Coordinator", "Worker", "Shard" })
        {
            Cluster.Execute($"DELETE FROM {table} WHERE id <> 1000");
            Shell.Get($"Import-CsvToCitus $file {table} -Route {route}");
            Assert.Equal(Cluster.Rows(as_), Cluster.Rows(table));
        }
    }

    /// <summary>Where rows go to shards with line ends of one kind each, no server could notice.</summary>
    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void Mixed_line_ends_are_refused_however_rows_spread(string route)
    {
        Cluster.RequireCitus();
        string table = Create("id bigint, v text");
        string[] crlf = [.. Enumerable.Range(0, 2000).Select(i => $"{i % 7},{i}\r\n")];
        crlf[1234] = "5,odd\n";
        Shell["file"] = Cluster.File(Cluster.NewName("judged") + ".csv", "id,v\r\n" + string.Concat(crlf));

        string message = Shell.Run($"Import-CsvToCitus $file {table} -Route {route}").Failed("CitusRowRefused").Exception.Message;
        Assert.Contains("line 1236: the line ends are mixed: LF alone", message, StringComparison.Ordinal);
        Assert.Equal(1999L, Shell.Run($"Import-CsvToCitus $file {table} -Route {route} -OnError Skip").Single.Get("Rows"));
    }

    [Fact]
    public void A_line_that_ends_the_data_is_a_problem_where_it_does()
    {
        Cluster.RequireCitus();
        string table = Create("id bigint, v text");
        Shell["file"] = Cluster.File(Cluster.NewName("judged") + ".csv", "id,v\n1,a\n\\.\n2,b\n");
        Shell["end"] = Cluster.File(Cluster.NewName("judged") + ".csv", "id,v\n1,a\n\\.\n");

        PSObject profile = Shell.Run($"Test-CitusCsv $file {table}").Single;
        Assert.False((bool)profile.Get("IsClean")!);
        Assert.Equal(3L, Assert.Single((IEnumerable<object>)profile.Get("Problems")!).Get("Line"));
        bool ends = Cluster.PostgresMajor < 18; // later, a record of one field, which is refused
        Assert.Equal(ends ? 1L : 3L, profile.Get("Rows"));
        Assert.Equal(ends, (bool)Shell.Run($"Test-CitusCsv $end {table}").Single.Get("IsClean")!);
        Shell["none"] = Cluster.File(Cluster.NewName("judged") + ".csv", "id,v\n");
        Assert.False((bool)Shell.Run($"Test-CitusCsv $none {table}").Single.Get("IsClean")!);
        Shell.Run($"Import-CsvToCitus $none {table}").Failed("CitusCsvNoRows");
    }

    [Fact]
    public void What_was_not_looked_for_is_told()
    {
        Cluster.RequireCitus();
        string table = Create("id bigint, v text");
        Assert.Empty((IEnumerable<object>)Shell.Run($"Test-CitusCsv '{Cluster.File("judged.csv", "id,v\n1,a\n")}' {table}").Single.Get(
            "Unchecked")!);
        Cluster.Execute($"CREATE UNIQUE INDEX {table}_lower ON {table} (id, lower(v))");
        object unchecked_ = Assert.Single((IEnumerable<object>)Shell.Run($"Test-CitusCsv '{Cluster.File("judged.csv", "id,v\n1,a\n")}' "
            + $"{table}").Single.Get("Unchecked")!);
        Assert.Contains($"{table}_lower", unchecked_.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("id bigint PRIMARY KEY, v text", "5,again", "constraint")]
    [InlineData("id bigint, v text, EXCLUDE USING btree (id WITH =)", "5,again", "exclusion constraint")]
    [InlineData("id bigint, v text, UNIQUE NULLS NOT DISTINCT (id, v)", "5,", "constraint")]
    public void A_key_that_stands_twice_is_found_however_far_apart(string definition, string again, string constraint)
    {
        Cluster.RequireCitus();
        string table = Create(definition);
        Cluster.Execute($"CREATE UNIQUE INDEX {table}_lower ON {table} (id, lower(v)) WHERE v = 'Odd'");
        var csv = new StringBuilder("id,v\n5,\n7,Odd\n7,twice and a text of some length to fill the file with\n");
        bool takesSeven = definition.Contains("v)", StringComparison.Ordinal);
        for (int id = 10_000; id < 180_000; id++)
            csv.Append(id).Append(",text of a row that fills the file: ").Append(id).Append(" of 180000 and so on\n");
        csv.Append($"{again}\n9,ok\n");
        Shell["file"] = Cluster.File(Cluster.NewName("far") + ".csv", csv.ToString());
        Assert.True(csv.Length > 10_000_000);

        PSObject profile = Shell.Run($"Test-CitusCsv $file {table}").Single;

        long[] lines = [.. ((IEnumerable<object>)profile.Get("Problems")!).Select(p => (long)p.Get("Line")!)];
        Assert.Equal(takesSeven ? [170_005L] : [4L, 170_005L], lines);
        object last = ((IEnumerable<object>)profile.Get("Problems")!).Last();
        Assert.Matches($"violates (unique )?{constraint}|violates {constraint}", (string)last.Get("Reason")!);
        Assert.DoesNotContain("twice", string.Concat((IEnumerable<object>)profile.Get("Unchecked")!), StringComparison.Ordinal);
        PSObject loaded = Shell.Run($"Import-CsvToCitus $file {table} -OnError Skip").Single;
        Assert.Equal((long)lines.Length, loaded.Get("Rejected"));
        Assert.Equal(lines, ((IEnumerable<object>)loaded.Get("Rejects")!).Select(r => (long)r.Get("Line")!));
    }

    [Fact]
    public void Role_that_may_only_insert_is_told_what_was_not_tried()
    {
        Cluster.RequireCitus();
        string table = Create("id bigint, v int"), role = Cluster.NewName("inserter");
        Cluster.Execute($"CREATE ROLE {role}; GRANT INSERT ON {table} TO {role}");
        Cluster.AtEnd($"DROP OWNED BY {role}; DROP ROLE {role}");
        Shell["file"] = Cluster.File("judged.csv", "id,v\n1,a\n");
        Shell["as"] = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString)
            { Options = $"-c role={role}" }.ConnectionString.Replace(";Include Error Detail=True", "", StringComparison.OrdinalIgnoreCase);

        PSObject profile = Shell.Run($"$c = Connect-CitusCluster -ConnectionString $as; try {{ Test-CitusCsv $file {table} -Connection "
            + $"$c }} finally {{ $c | Disconnect-CitusCluster }}").Single;
        Assert.Contains("permission denied", Assert.Single((IEnumerable<object>)profile.Get("Unchecked")!).ToString(),
            StringComparison.Ordinal);
    }

    private string Create(string definition)
    {
        string table = Cluster.CreateTable(definition);
        if (definition.Contains("PARTITION", StringComparison.Ordinal))
            Cluster.Execute($"CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES FROM (0) TO (100)");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute($"INSERT INTO {table} "
            + $"(id{(definition.Contains("NOT NULL", StringComparison.Ordinal) || definition.Contains("PARTITION", StringComparison.Ordinal) ? ", v) VALUES (1000, 1" : ") VALUES (1000")})");
        return table;
    }

    private static byte[] Bytes(string text)
    {
        var bytes = new List<byte>();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i..] is not ['\\', 'x', ..])
            {
                bytes.Add((byte)text[i]);
                continue;
            }
            bytes.Add(Convert.FromHexString(text.AsSpan(i + 2, 2))[0]);
            i += 3;
        }
        return [.. bytes];
    }

    /// <summary>A reason without the names of tables and constraints, which differ from route to route.</summary>
    private static string Plain(string reason) => System.Text.RegularExpressions.Regex.Replace(reason.Split('.')[0], "\"[^\"]*\"", "x");
}
