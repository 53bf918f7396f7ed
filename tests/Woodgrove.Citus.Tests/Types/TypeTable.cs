using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Types;

/// <summary>
/// One distributed table with a column for each type, and one row for each value: all other columns are NULL in it. What the
/// server itself makes of each value is the measure.
/// </summary>
public sealed class TypeTable
{
    private readonly ClusterFixture _cluster;
    private readonly string _columns;

    public TypeTable(ClusterFixture cluster)
    {
        _cluster = cluster;
        string prefix = cluster.NewName("types");
        cluster.Execute(TypeValues.Setup.Replace("{0}", prefix, StringComparison.Ordinal));
        foreach (string extension in TypeValues.Extensions) TryExecute($"CREATE EXTENSION IF NOT EXISTS {extension}");
        foreach (TypeValues.TypeCase known in TypeValues.All)
        {
            string type = known.Type.Replace("{0}", prefix, StringComparison.Ordinal);
            // An extension or a version of the server that is not there, or an XML type without libxml.
            if (!TryExecute($"SELECT NULL::{type}") || (type == "xml" && !TryExecute("SELECT '<a/>'::xml"))) continue;
            Types.Add(type);
            foreach (string value in known.Values) Add(value, isRefused: false);
            foreach (string value in known.Beyond) Add(value, isRefused: true);
        }
        _columns = "id bigint, " + string.Join(", ", Types.Select((t, i) => $"c{i} {t}"));
        Expected = cluster.CreateTable(_columns);
        TypedValue[] misjudged = [.. Values.Where(v => v.IsRefused
            != Record.Exception(() => cluster.CopyAsPsql(Expected, Csv([v]), "FORMAT csv, HEADER")) is PostgresException)];
        Assert.True(misjudged.Length == 0, "the server judges otherwise: " + string.Join("; ", misjudged.AsEnumerable()));
        Texts = Read(Expected);
    }

    public List<string> Types { get; } = [];
    public List<TypedValue> Values { get; } = [];

    /// <summary>A plain table with all values that the server takes.</summary>
    public string Expected { get; }

    /// <summary>Each value's row, by its id, as the server writes it.</summary>
    public IReadOnlyDictionary<long, string> Texts { get; }

    /// <summary>Another table of these columns, distributed and empty.</summary>
    public string Distribute() => _cluster.Distribute(_columns, "id");

    /// <summary>A table's rows as COPY writes them, by id.</summary>
    public Dictionary<long, string> Read(string table)
    {
        var rows = new Dictionary<long, string>();
        foreach (string row in _cluster.Rows(table))
        {
            int tab = row.IndexOf('\t', StringComparison.Ordinal);
            rows.Add(long.Parse(row[..tab], System.Globalization.CultureInfo.InvariantCulture), row[(tab + 1)..]);
        }
        return rows;
    }

    /// <summary>What a table has other than the server would have made of the values.</summary>
    /// <param name="ids">Those that must be there.</param>
    public List<string> Differences(string table, IEnumerable<long> ids)
    {
        Dictionary<long, string> rows = Read(table);
        var found = new List<string>();
        foreach (long id in ids)
        {
            TypedValue value = Values[(int)id];
            if (!rows.Remove(id, out string? row)) found.Add($"{value}: is missing");
            else if (row != Texts[id]) found.Add($"{value}: became {Shown(row.Split('\t')[value.Column])}");
        }
        found.AddRange(rows.Keys.Select(id => $"{Values[(int)id]}: was loaded"));
        return found;
    }

    public byte[] Csv(IEnumerable<TypedValue> values)
    {
        var text = new StringBuilder("id," + string.Join(',', Types.Select((_, i) => $"c{i}")) + "\n");
        foreach (TypedValue value in values)
        {
            text.Append(value.Id).Append(',', value.Column + 1)
                .Append('"').Append(value.Text.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"')
                .Append(',', Types.Count - value.Column - 1).Append('\n');
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    public static string Shown(string text) => text.Length > 80 ? $"{text[..80]}… ({text.Length})" : text;

    private void Add(string value, bool isRefused) =>
        Values.Add(new TypedValue(Values.Count, Types.Count - 1, Types[^1], value, isRefused));

    private bool TryExecute(string sql)
    {
        try
        {
            _cluster.Execute(sql);
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    /// <param name="Column">The column's number, from 0, without the id.</param>
    public sealed record TypedValue(long Id, int Column, string Type, string Text, bool IsRefused)
    {
        public string Name => $"c{Column}";

        public override string ToString() => $"{Type} '{Shown(Text)}'";
    }
}
