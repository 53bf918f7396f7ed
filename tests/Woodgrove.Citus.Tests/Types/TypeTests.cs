using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Types;

/// <summary>
/// Every type's smallest, largest and special values, NULL, and values just beyond, by every path, whatever the culture: what the
/// server itself makes of them, or refused with the line, the column and the value.
/// </summary>
public sealed partial class TypeTests(ClusterFixture cluster, TypeTable types, ITestOutputHelper output)
    : ClusterTest(cluster), IClassFixture<TypeTable>
{
    public static TheoryData<string> Cultures => ["", "de-DE", "fr-FR", "tr-TR"];

    /// <summary>.NET's types for these are those of other types of PostgreSQL, so that the server asks for a cast.</summary>
    private static readonly string[] HasNoParameter = ["xid", "xid8", "cid", "oidvector", "int2vector", "bit(1)", "bit(1)[]", "jsonb[]",
        "timetz[]", "daterange[]"];

    private string[] Routes => Cluster.IsCitus ? ["Coordinator", "Shard", "Worker"] : ["Coordinator", "Shard"];

    private IEnumerable<TypeTable.TypedValue> Good => types.Values.Where(v => !v.IsRefused);
    private TypeTable.TypedValue[] Bad => [.. types.Values.Where(v => v.IsRefused)];

    [Theory]
    [MemberData(nameof(Cultures))]
    public void A_file_is_loaded_as_psql_loads_it_and_what_psql_refuses_is_refused(string culture)
    {
        output.WriteLine($"{types.Types.Count} types, {Good.Count()} values and {Bad.Length} beyond, {Routes.Length} routes");
        // What is refused comes first, so that its line is its number.
        Shell["all"] = Cluster.File(Cluster.NewName("types") + ".csv", types.Csv(Bad.Concat(Good)));
        Shell["good"] = Cluster.File(Cluster.NewName("types") + ".csv", types.Csv(Good));
        var wrong = new List<string>();
        foreach (string route in Routes)
        {
            string table = types.Distribute();
            if (route == "Worker") Run(culture, $"$null = Import-CsvToCitus $good {table} -Route Worker");
            else
            {
                string errors = Path.Combine(Cluster.Folder, table + ".errors.csv");
                Shell["rejects"] = Path.Combine(Cluster.Folder, table + ".csv");
                Run(culture, $"$null = Import-CsvToCitus $all {table} -Route {route} -OnError Skip -RejectPath $rejects");
                Dictionary<long, string> told = Told(errors);
                for (int i = 0; i < Bad.Length; i++)
                {
                    if (!told.TryGetValue(i + 2, out string? column)) wrong.Add($"{route}: {Bad[i]} is not told");
                    else if (column != Bad[i].Name) wrong.Add($"{route}: {Bad[i]} is told with the column '{column}'");
                }
            }
            wrong.AddRange(types.Differences(table, Good.Select(v => v.Id)).Select(w => $"{route}: {w}"));
        }
        Nothing(wrong);
    }

    [Fact]
    public void What_is_refused_is_named_with_line_column_and_value_by_every_route()
    {
        string table = types.Distribute();
        // One of each type: the others are refused by the same input function.
        TypeTable.TypedValue[] first = [.. Bad.DistinctBy(v => v.Column)];
        Shell["cases"] = first.Select(v => (PSObject)PSObject.AsPSObject(new { v.Name,
            File = Cluster.File(Cluster.NewName("bad") + ".csv", $"id,{v.Name}\n1,\"{v.Text.Replace("\"", "\"\"")}\"\n") })).ToArray();
        var wrong = new List<string>();
        foreach (string route in Routes)
        {
            PSObject[] errors = [.. Shell.Get($$"""
                foreach ($case in $cases) {
                    $refusal = $null
                    Import-CsvToCitus $case.File {{table}} -Route {{route}} -ErrorAction SilentlyContinue -ErrorVariable refusal | Out-Null
                    "$($refusal.FullyQualifiedErrorId) $($refusal.Exception.Message)"
                }
                """)];
            for (int i = 0; i < first.Length; i++)
            {
                string told = errors[i].ToString();
                if (!told.StartsWith("CitusRowRefused", StringComparison.Ordinal)
                    || !told.Contains($"line 2, column {first[i].Name}, value \"", StringComparison.Ordinal))
                    wrong.Add($"{route}: {first[i]}: {told}");
            }
        }
        Assert.Equal(0L, Cluster.Count(table));
        Nothing(wrong);
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void Objects_and_parameters_of_text_are_written_as_psql_writes_them(string culture)
    {
        string rows = types.Distribute(), parameters = types.Distribute();
        var cases = types.Values.Select(v => (v, (object?)v.Text));
        RunResult added = AddRows(culture, rows, cases);
        var wrong = new List<string>(types.Differences(rows, Good.Select(v => v.Id)).Select(w => $"Add-CitusRow: {w}"));
        foreach (TypeTable.TypedValue value in Bad)
        {
            // A domain's constraint names no column.
            string told = $"Row {value.Id + 1}{(value.Type.Contains("_", StringComparison.Ordinal) ? "" : $", column {value.Name}:")}";
            if (!added.Output.Any(m => m.ToString().StartsWith(told, StringComparison.Ordinal)))
                wrong.Add($"Add-CitusRow: {value} is not told with its row and column: "
                    + added.Output.FirstOrDefault(m => m.ToString().StartsWith($"Row {value.Id + 1}", StringComparison.Ordinal)));
        }
        foreach (string message in Insert(culture, parameters, cases)) wrong.Add($"parameter: {message}");
        wrong.AddRange(types.Differences(parameters, Good.Select(v => v.Id)).Select(w => $"parameter: {w}"));
        Nothing(wrong);
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void What_is_read_is_written_again_as_it_was_or_can_not_be_read(string culture)
    {
        PSObject[] read = [.. Run(culture, $$"""
            foreach ($case in $cases) {
                $query = "SELECT $($case.Name) AS v FROM {{types.Expected}} WHERE id = $($case.Id)"
                try { $value = (Invoke-CitusQuery $query -ErrorAction Stop).v }
                catch { "$($_.FullyQualifiedErrorId) $_"; continue }
                [pscustomobject]@{ Value = $value }
            }
            """, Good.Select(v => (v, (object?)null))).Output];
        TypeTable.TypedValue[] good = [.. Good];
        var held = new List<(TypeTable.TypedValue Value, object? Read)>();
        var wrong = new List<string>();
        for (int i = 0; i < good.Length; i++)
        {
            if (read[i].BaseObject is not string told) held.Add((good[i], read[i].Get("Value")));
            else if (!told.StartsWith("CitusValueNotRepresentable", StringComparison.Ordinal)) wrong.Add($"{good[i]}: {told}");
        }
        output.WriteLine($"{held.Count} of {good.Length} values are .NET's too; not: "
            + string.Join("; ", good.Except(held.Select(h => h.Value))));
        string rows = types.Distribute(), parameters = types.Distribute(), statics = types.Distribute();
        foreach (PSObject message in AddRows(culture, rows, held.Select(h => (h.Value, h.Read))).Output)
            wrong.Add($"Add-CitusRow: {message}");
        wrong.AddRange(types.Differences(rows, held.Select(h => h.Value.Id)).Select(w => $"Add-CitusRow: {w}"));
        var named = held.Where(h => !HasNoParameter.Contains(h.Value.Type)).ToList();
        foreach (string message in Insert(culture, parameters, named)) wrong.Add($"parameter: {message}");
        wrong.AddRange(types.Differences(parameters, named.Select(h => h.Value.Id)).Select(w => $"parameter: {w}"));
        foreach ((TypeTable.TypedValue Value, object? Read) other in held.Where(h => HasNoParameter.Contains(h.Value.Type)))
        {
            if (Insert(culture, parameters, [(other.Value with { IsRefused = true }, other.Read)]) is [var told])
                wrong.Add($"parameter: {told}");
        }
        wrong.AddRange(Static(culture, statics, held));
        Nothing(wrong);
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void What_is_exported_is_what_COPY_writes(string culture)
    {
        string table = types.Distribute();
        Cluster.CopyAsPsql(table, types.Csv(Good), "FORMAT csv, HEADER");
        string[] expected = Lines(Encoding.UTF8.GetString(CopyOut(types.Expected)));
        string path = Path.Combine(Cluster.Folder, "types-export.csv"), again = types.Distribute();
        foreach (string options in new[] { "", "-Parallel" })
        {
            Run(culture, $"$null = Export-CitusToCsv {table} '{path}' {options}");
            Assert.Equal(expected, Lines(File.ReadAllText(path)));
        }
        Run(culture, $"$null = Import-CsvToCitus '{path}' {again}");
        Nothing(types.Differences(again, Good.Select(v => v.Id)));
    }

    [Theory]
    [MemberData(nameof(Cultures))]
    public void A_file_of_a_culture_is_loaded_with_every_digit_or_refused(string culture)
    {
        CultureInfo known = CultureInfo.GetCultureInfo(culture);
        (TypeTable.TypedValue Value, string Text)[] written = [.. types.Values.Where(v => !v.IsRefused || IsNumber(v.Type))
            .SelectMany(v => WrittenBy(known, v).Select(t => (v, t)))];
        var csv = new StringBuilder("id;number" + string.Concat(types.Types.Select((_, i) => $";c{i}")) + "\n");
        for (int i = 0; i < written.Length; i++)
        {
            (TypeTable.TypedValue value, string text) = written[i];
            csv.Append(CultureInfo.InvariantCulture, $"{i};{value.Id}").Append(';', value.Column + 1)
                .Append(CultureInfo.InvariantCulture, $"\"{text}\"").Append(';', types.Types.Count - value.Column - 1).Append('\n');
        }
        Shell["file"] = Cluster.File(Cluster.NewName("culture") + ".csv", csv.ToString());
        output.WriteLine($"{written.Length} texts");
        var wrong = new List<string>();
        foreach (string route in new[] { "Coordinator", "Shard" })
        {
            string table = Cluster.Distribute("id bigint, number bigint, " + string.Join(", ", types.Types.Select((t, i) => $"c{i} {t}")),
                "id"), errors = Path.Combine(Cluster.Folder, table + ".errors.csv");
            Shell["rejects"] = Path.Combine(Cluster.Folder, table + ".csv");
            // The culture of the file counts, not that of the shell.
            Run("tr-TR", $"$null = Import-CsvToCitus $file {table} -Route {route} -Delimiter ';' "
                + $"-Culture ([cultureinfo]::GetCultureInfo('{culture}')) -OnError Skip -RejectPath $rejects");
            Dictionary<long, string> loaded = types.Read(table);
            Dictionary<long, string> told = Told(errors);
            for (int i = 0; i < written.Length; i++)
            {
                (TypeTable.TypedValue value, string text) = written[i];
                bool isTold = told.TryGetValue(i + 2, out string? column);
                string expected = value.IsRefused || IsBeyondNet(value) ? "refused" : $"{value.Id}\t{types.Texts[value.Id]}";
                string became = isTold ? "refused" : loaded[i];
                if (became != expected)
                    wrong.Add($"{route}: {value}, written {TypeTable.Shown(text)}: {TypeTable.Shown(became.Trim('\t', '\\', 'N'))}");
                if (isTold && column != value.Name) wrong.Add($"{route}: {value} is told without its column");
            }
        }
        Nothing(wrong);
    }

    /// <summary>Adds each case as a row with its column alone; puts out the messages of those that are refused.</summary>
    private RunResult AddRows(string culture, string table, IEnumerable<(TypeTable.TypedValue Value, object? Given)> cases)
    {
        Shell["cases"] = Cases(cases);
        Shell["names"] = types.Types.Select((_, i) => $"c{i}").ToArray();
        return Run(culture, $$"""
            $cases | ForEach-Object {
                $row = [ordered]@{ id = $_.Id }
                foreach ($name in $names) { $row[$name] = $null }
                $row[$_.Name] = $_.Value
                $row
            } | Add-CitusRow {{table}} -ErrorAction SilentlyContinue -ErrorVariable refused | Out-Null
            $refused | ForEach-Object { $_.Exception.Message }
            """);
    }

    /// <summary>Inserts the cases, those of a column with one statement; what is refused beyond expectation is told.</summary>
    private List<string> Insert(string culture, string table, IEnumerable<(TypeTable.TypedValue Value, object? Given)> cases)
    {
        var statements = new List<PSObject>();
        void Add(IEnumerable<(TypeTable.TypedValue Value, object? Given)> together)
        {
            (TypeTable.TypedValue Value, object? Given)[] all = [.. together];
            var parameters = new Hashtable();
            for (int i = 0; i < all.Length; i++) parameters[$"v{i}"] = all[i].Given;
            statements.Add(PSObject.AsPSObject(new { Parameters = parameters, all[0].Value.IsRefused,
                Text = string.Join("; ", all.Select(v => v.Value)), Sql = $"INSERT INTO {table} (id, {all[0].Value.Name}) VALUES "
                    + string.Join(", ", all.Select((v, i) => $"({v.Value.Id}, @v{i})")) }));
        }
        foreach (var column in cases.GroupBy(c => c.Value.Column))
        {
            if (column.Any(c => !c.Value.IsRefused)) Add(column.Where(c => !c.Value.IsRefused));
            foreach (var refused in column.Where(c => c.Value.IsRefused)) Add([refused]);
        }
        Shell["statements"] = statements.ToArray();
        return [.. Run(culture, """
            foreach ($statement in $statements) {
                try {
                    Invoke-CitusQuery $statement.Sql $statement.Parameters -ErrorAction Stop
                    if ($statement.IsRefused) { "$($statement.Text): was taken" }
                } catch {
                    if (-not $statement.IsRefused) { "$($statement.Text): $($_.FullyQualifiedErrorId) $_" }
                    elseif ($_.FullyQualifiedErrorId -notmatch
                        '^Citus(InvalidValue|SyntaxError|ConstraintViolation|InvalidArgument|ObjectNotFound|ServerError),') {
                        "$($statement.Text): $($_.FullyQualifiedErrorId)"
                    }
                }
            }
            """).Output.Select(o => o.ToString())];
    }

    /// <summary>One load for the first value of each column, one for the second, and so on.</summary>
    private IEnumerable<string> Static(string culture, string table, List<(TypeTable.TypedValue Value, object? Read)> held)
    {
        var byColumn = held.GroupBy(h => h.Value.Column).Select(g => g.ToArray()).ToArray();
        var wrong = new List<string>();
        for (int turn = 0; turn < byColumn.Max(c => c.Length); turn++)
        {
            (TypeTable.TypedValue Value, object? Read)[] now = [.. byColumn.Where(c => c.Length > turn).Select(c => c[turn])];
            Shell["static"] = new Hashtable(now.ToDictionary(n => n.Value.Name, n => n.Read));
            Shell["one"] = Cluster.File("one.csv", $"id\n{turn}\n");
            RunResult result = RunAny(culture, $"$null = Import-CsvToCitus $one {table} -StaticColumn $static");
            foreach (ErrorRecord error in result.Errors) wrong.Add($"static: {error.Exception.Message}");
            if (result.Errors.Count > 0) continue;
            string[] row = types.Read(table)[turn].Split('\t');
            wrong.AddRange(now.Where(n => row[n.Value.Column] != types.Texts[n.Value.Id].Split('\t')[n.Value.Column])
                .Select(n => $"static: {n.Value}: became {TypeTable.Shown(row[n.Value.Column])}"));
        }
        return wrong;
    }

    private static PSObject[] Cases(IEnumerable<(TypeTable.TypedValue Value, object? Given)> cases) => [.. cases.Select(c =>
    {
        var known = new PSObject();
        known.Properties.Add(new PSNoteProperty("Id", c.Value.Id));
        known.Properties.Add(new PSNoteProperty("Name", c.Value.Name));
        known.Properties.Add(new PSNoteProperty("Text", c.Value.ToString()));
        known.Properties.Add(new PSNoteProperty("IsRefused", c.Value.IsRefused));
        known.Properties.Add(new PSNoteProperty("Value", c.Given));
        return known;
    })];

    private RunResult Run(string culture, string script, IEnumerable<(TypeTable.TypedValue, object?)> cases)
    {
        Shell["cases"] = Cases(cases);
        return Run(culture, script);
    }

    private RunResult Run(string culture, string script)
    {
        RunResult result = RunAny(culture, script);
        // Errors that a script has caught are not its own.
        Assert.True(result.Errors.Count == 0 || script.Contains("catch", StringComparison.Ordinal)
            || script.Contains("ErrorVariable", StringComparison.Ordinal),
            string.Join("\n", result.Errors.Select(e => e.Exception.Message)));
        return result;
    }

    private RunResult RunAny(string culture, string script) => Shell.Run($$"""
        [Threading.Thread]::CurrentThread.CurrentCulture = '{{culture}}'
        try {
        {{script}}
        } finally { [Threading.Thread]::CurrentThread.CurrentCulture = '' }
        """);

    /// <summary>The lines and columns of what was rejected.</summary>
    private static Dictionary<long, string> Told(string errors) => !File.Exists(errors) ? []
        : RejectedLine().Matches(File.ReadAllText(errors)).ToDictionary(
            m => long.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture), m => m.Groups[2].Value);

    [GeneratedRegex(@"^(\d+),(c\d+)?,", RegexOptions.Multiline)]
    private static partial Regex RejectedLine();

    private byte[] CopyOut(string table)
    {
        using NpgsqlConnection session = Cluster.Database.OpenConnection();
        using TextReader copy = session.BeginTextExport($"COPY {table} TO STDOUT (FORMAT csv, HEADER)");
        return Encoding.UTF8.GetBytes(copy.ReadToEnd());
    }

    private static string[] Lines(string text) => [.. text.Split('\n').Order(StringComparer.Ordinal)];

    private static bool IsNumber(string type) =>
        type is "smallint" or "integer" or "bigint" or "money" or "real" or "double precision"
            || (type.StartsWith("numeric", StringComparison.Ordinal) && !type.EndsWith(']'));

    private static bool IsTime(string type) => type is "date" or "timestamp" or "timestamptz" or "timestamp(0)";

    /// <summary>How a culture writes a value, in each of the ways that are its own.</summary>
    private static IEnumerable<string> WrittenBy(CultureInfo culture, TypeTable.TypedValue value)
    {
        NumberFormatInfo format = culture.NumberFormat;
        if (IsTime(value.Type))
        {
            if (IsBeyondNet(value)) yield return value.Text;
            else if (value.Type == "timestamptz")
                yield return DateTimeOffset.Parse(value.Text, CultureInfo.InvariantCulture)
                    .ToString(culture.DateTimeFormat.ShortDatePattern + " HH:mm:ss.FFFFFFF zzz", culture);
            else
                yield return DateTime.Parse(value.Text, CultureInfo.InvariantCulture)
                    .ToString(culture.DateTimeFormat.ShortDatePattern + " HH:mm:ss.FFFFFFF", culture);
        }
        if (!IsNumber(value.Type)) yield break;
        if (value.Text is "NaN") yield return format.NaNSymbol;
        else if (value.Text is "Infinity") yield return format.PositiveInfinitySymbol;
        else if (value.Text is "-Infinity") yield return format.NegativeInfinitySymbol;
        else
        {
            string sign = value.Text[0] == '-' ? format.NegativeSign : "", digits = value.Text.TrimStart('-');
            string[] parts = digits.Split('.', 2);
            string fraction = parts.Length > 1 ? format.NumberDecimalSeparator + parts[1].Replace("-", format.NegativeSign) : "";
            yield return sign + parts[0].Replace("-", format.NegativeSign) + fraction;
            if (digits.Contains('e', StringComparison.Ordinal)) yield break;
            var whole = new StringBuilder(parts[0]);
            for (int i = whole.Length - 3; i > 0; i -= 3) whole.Insert(i, format.NumberGroupSeparator);
            yield return sign + whole + fraction;
        }
    }

    /// <summary>A date or time that .NET's calendar does not have.</summary>
    private static bool IsBeyondNet(TypeTable.TypedValue value) => IsTime(value.Type)
        && (value.Text.Contains("infinity", StringComparison.Ordinal) || value.Text.Contains("BC", StringComparison.Ordinal)
            || value.Text.IndexOf('-', StringComparison.Ordinal) > 4);

    private static void Nothing(List<string> wrong) =>
        Assert.True(wrong.Count == 0, $"{wrong.Count}:\n{string.Join("\n", wrong.Take(80))}");
}
