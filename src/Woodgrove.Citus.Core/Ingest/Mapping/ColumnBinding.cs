using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>Decides which column each field of a file goes to, and refuses a file that can't fit before a byte is sent.</summary>
internal sealed class ColumnBinding
{
    private readonly CsvInput _input;
    private readonly CsvDialect _dialect;
    private readonly TableInfo _table;

    private ColumnBinding(CsvInput input, CsvDialect dialect, TableInfo table) => (_input, _dialect, _table) = (input, dialect, table);

    /// <summary>The columns to load, in the order of the rows as they are sent.</summary>
    public static IReadOnlyList<BoundColumn> Bind(CsvInput input, CsvDialect dialect, TableInfo table, CsvShape shape) =>
        new ColumnBinding(input, dialect, table).Bind(shape);

    private List<BoundColumn> Bind(CsvShape shape)
    {
        IReadOnlyList<TableColumn> loadable = _table.Columns.Where(c => !c.IsGenerated).ToList();
        (IReadOnlyList<string> names, string where) = Names(shape, loadable);
        int beyond = FieldCount(_input, _dialect, shape) - names.Count; // fields that only the rows have
        HashSet<int> skipped = shape.SkipFields.Where(f => !IsBeyond(f, names.Count, beyond)).Select(f => FieldOf(f, names, "-SkipColumn"))
            .ToHashSet();
        Dictionary<int, string> mapped = shape.ColumnMap.ToDictionary(m => FieldOf(m.Key, names, "-ColumnMap"), m => m.Value);
        if (names.Count != _input.FirstRecord.Count) throw WrongCount(names.Count);
        bool named = HasNames(shape);
        List<BoundColumn> bound = Enumerable.Range(0, names.Count).Where(i => !skipped.Contains(i))
            .Select(i => new BoundColumn(mapped.TryGetValue(i, out string? column) ? Find(column, "-ColumnMap names")
                : Find(names[i], where), i, named ? names[i] : null))
            .Concat(shape.StaticColumns.Select(s => new BoundColumn(Find(s.Key, "-StaticColumn names"), null, null, s.Value))).ToList();
        Check(bound, loadable);
        return bound;
    }

    /// <summary>
    /// How many fields each row has: those of the first record, and those behind the header's last that -SkipColumn names by number,
    /// as where rows end in a delimiter and the header does not.
    /// </summary>
    public static int FieldCount(CsvInput input, CsvDialect dialect, CsvShape shape)
    {
        int count = input.FirstRecord.Count;
        bool IsSkipped(string number) => shape.SkipFields.Contains(number) && !input.FirstRecord.Contains(number);
        while (dialect.HasHeader && IsSkipped((count + 1).ToString(CultureInfo.InvariantCulture))) count++;
        return count;
    }

    private static bool IsBeyond(string field, int count, int beyond) => NumberOf(field, count + Math.Max(beyond, 0)) >= count;

    private bool HasNames(CsvShape shape) => _dialect.HasHeader || shape.Fields is { Count: > 0 };

    private (IReadOnlyList<string> Names, string Where) Names(CsvShape shape, IReadOnlyList<TableColumn> loadable)
    {
        if (shape.Fields is { Count: > 0 } asked) return (asked, "-Column names");
        if (_dialect.HasHeader) return (_input.FirstRecord.Select(n => n.Trim()).ToList(), "the header names");
        List<string> free = loadable.Select(c => c.Name).Where(n => !shape.StaticColumns.Keys.Contains(n, StringComparer.OrdinalIgnoreCase))
            .ToList();
        // Fields that are skipped by number stand between the table's columns.
        foreach (int at in shape.SkipFields.Select(f => NumberOf(f, _input.FirstRecord.Count)).OfType<int>().Order())
            free.Insert(Math.Min(at, free.Count), $"({at + 1})");
        return (free, "the table has");
    }

    private int FieldOf(string name, IReadOnlyList<string> names, string parameter)
    {
        int[] found = [.. Enumerable.Range(0, names.Count).Where(i => string.Equals(names[i], name, StringComparison.OrdinalIgnoreCase))];
        if (found.Length > 1)
        {
            throw Refuse("CitusDuplicateColumn",
                $"{parameter} names '{Shorten(name)}', and fields {string.Join(" and ", found.Select(i => i + 1))} have that name",
                $"Give the field's number: {parameter} {found[^1] + 1}.");
        }
        int at = found.Length == 1 ? found[0] : NumberOf(name, names.Count) ?? -1;
        if (at < 0)
            throw Refuse("CitusUnknownField", $"{parameter} names '{Shorten(name)}', which is not a field of the file",
                $"Its fields are {string.Join(", ", names)}; a number counts them from 1.");
        return at;
    }

    /// <summary>A field that is named by its number from 1, counted from 0.</summary>
    private static int? NumberOf(string name, int count) =>
        int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= count ? number - 1
            : null;

    private void Check(List<BoundColumn> bound, IReadOnlyList<TableColumn> loadable)
    {
        if (bound.GroupBy(b => b.Column.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            int[] fields = [.. twice.Select(b => b.Field).OfType<int>()];
            throw Refuse("CitusDuplicateColumn",
                $"column '{twice.Key}' is named {twice.Count()} "
                    + $"times{(fields.Length > 1 ? $", as fields {string.Join(" and ", fields.Select(f => f + 1))}" : "")}",
                    "Each column of the table may be loaded once; -SkipColumn leaves a field out; -Column gives the fields other names.");
        }
        if (_table.DistributionColumn is { } key && bound.All(b => b.Column.Name != key) && !_table.FillsDistributionColumn)
        {
            throw Refuse("CitusDistributionColumnMissing",
                $"the file has no column '{key}', by which {_table.Display} is distributed, so no row's shard could be known",
                "Name the field that holds it with -ColumnMap, or all of the file's fields in order with -Column.");
        }
        if (loadable.FirstOrDefault(c => c.IsNotNull && !c.HasDefault && !c.IsIdentity
            && bound.All(b => b.Column.Name != c.Name)) is { } missing)
        {
            throw Refuse("CitusColumnMissing",
                $"the file has no column '{missing.Name}', which {_table.Display} requires (NOT NULL, no default)",
                "Give it a value with -StaticColumn, name its field with -ColumnMap, or give the column a default.");
        }
    }

    private TableColumn Find(string name, string where)
    {
        if (_table.FindColumn(name) is not { } column)
        {
            string advice = OtherDelimiter()
                ?? $"{_table.Display} has the columns {string.Join(", ", _table.Columns.Select(c => c.Name))}; "
                    + $"-ColumnMap @{{ '{Shorten(name)}' = '<column>' }} gives the field another, -SkipColumn leaves it out."
                + (_dialect.HasHeader ? " If the first line holds data, use -NoHeader; if it stands above the header, "
                    + "-SkipLines leaves it out." : "");
            throw Refuse("CitusUnknownColumn", $"{where} '{Shorten(name)}', which is no column of {_table.Display}", advice);
        }
        if (column.IsGenerated)
        {
            throw Refuse("CitusGeneratedColumn", $"column '{column.Name}' is generated by the server and can't be loaded",
                "Leave it out with -SkipColumn.");
        }
        return column;
    }

    private CitusException WrongCount(int expected) =>
        Refuse("CitusWrongColumnCount",
            $"the first line has {_input.FirstRecord.Count} field(s), but {expected} column(s) are to be loaded: "
                + $"{Shorten(_input.FirstLine)}",
            OtherDelimiter() ?? "Name the columns that the file has, in its order, with -Column.");

    /// <summary>A file that is one long field usually has another delimiter.</summary>
    private string? OtherDelimiter()
    {
        char[] found = new[] { ',', ';', '\t', '|' }.Where(c => c != _dialect.Delimiter && _input.FirstLine.Contains(c)).ToArray();
        if (_input.FirstRecord.Count > 1 || found.Length == 0) return null;
        char best = found.MaxBy(c => _input.FirstLine.Count(x => x == c));
        return $"The line holds {(best == '\t' ? "tabs" : $"'{best}'")}: is it -Delimiter {(best == '\t' ? "\"`t\"" : $"'{best}'")}?";
    }

    private CitusException Refuse(string id, string what, string advice) =>
        new(id, CitusErrorKind.InvalidData, $"{_input.Source}, line {_dialect.SkipLines + 1}: {what}.", advice)
        {
            Target = _input.Source.Name,
            Row = new RefusedRow(_input.Source.Name, _dialect.SkipLines + 1, null, null, null, what),
        };

    private static string Shorten(string text) => text.Length <= 80 ? text : text[..77] + "...";
}
