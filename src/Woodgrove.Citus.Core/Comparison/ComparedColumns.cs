using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Comparison;

/// <summary>The columns by which two tables are compared: those that both have, in one order.</summary>
internal sealed class ComparedColumns
{
    private readonly IReadOnlyDictionary<string, ComparedType> _types;

    public ComparedColumns(ComparedTable source, ComparedTable target)
    {
        var differences = new List<TableDifference>();
        var notes = new List<string>();
        var names = new List<string>();
        string table = source.Info.Name.ToString();
        _types = source.Types;
        foreach (TableColumn column in source.Info.Columns)
        {
            if (target.Info.Columns.FirstOrDefault(c => c.Name == column.Name) is not { } other)
                Add(TableDifferenceKind.ColumnOnlyInSource, column.Name, column.TypeName, null);
            else if (!source.Types[column.Name].WritesAlike(target.Types[column.Name]))
                Add(TableDifferenceKind.ColumnType, column.Name, column.TypeName, other.TypeName);
            else
            {
                names.Add(column.Name);
                if (column.TypeName != other.TypeName)
                    notes.Add(ComparisonErrors.Written(column.Name, column.TypeName, other.TypeName));
            }
        }
        foreach (TableColumn column in target.Info.Columns.Where(c => source.Info.Columns.All(s => s.Name != c.Name)))
            Add(TableDifferenceKind.ColumnOnlyInTarget, column.Name, null, column.TypeName);
        (Names, Differences, Notes) = (names, differences, notes);
        Key = source.Keys.Concat(target.Keys).OrderByDescending(k => k.IsPrimary)
            .FirstOrDefault(k => k.Columns.All(names.Contains))?.Columns ?? [];

        void Add(TableDifferenceKind kind, string name, string? from, string? to) =>
            differences.Add(new TableDifference(table, kind, name, [new ValueDifference(name, from, to)], 0, 0));
    }

    public IReadOnlyList<string> Names { get; }

    /// <summary>The columns of the key by which rows are told apart; none where both tables have none in common.</summary>
    public IReadOnlyList<string> Key { get; }

    /// <summary>Columns that can't be compared.</summary>
    public IReadOnlyList<TableDifference> Differences { get; }

    public IReadOnlyList<string> Notes { get; }

    /// <summary>SQL of a row's text.</summary>
    public string RowSql => Record(Names);

    /// <summary>SQL of the text of a row's key, or of NULL.</summary>
    public string KeySql => Key.Count == 0 ? "NULL::pg_catalog.text" : Record(Key);

    /// <summary>A key, or a row of a table without one, as people read it.</summary>
    public string Show(string text) => Key.Count == 0 ? text
        : string.Join(", ", Key.Zip(RecordText.Parse(text), (name, value) => $"{TableName.QuoteIfNeeded(name)} = {value}"));

    /// <summary>The values that differ between two rows.</summary>
    public IReadOnlyList<ValueDifference> Between(string source, string target) =>
        [.. Names.Zip(RecordText.Parse(source), RecordText.Parse(target)).Where(v => v.Second != v.Third)
            .Select(v => new ValueDifference(v.First, v.Second, v.Third))];

    // The cast of a record, as the output functions of the types write its values: it distinguishes NULL from every text.
    private string Record(IEnumerable<string> names) =>
        $"ROW({string.Join(", ", names.Select(Value))})::pg_catalog.text COLLATE pg_catalog.\"C\"";

    private string Value(string name)
    {
        string value = $"t.{TableName.Quote(name)}";
        return _types[name].IsByte ? $"CASE WHEN {value}::int4 < 0 THEN {value}::int4::text ELSE {value}::text END" : value;
    }
}
