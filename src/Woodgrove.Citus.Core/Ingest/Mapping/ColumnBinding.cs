using System.Globalization;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>Decides which column each field of a file goes to, and refuses a file that can't fit before a byte is sent.</summary>
internal sealed class ColumnBinding
{
    private readonly CsvInput _input;
    private readonly CsvDialect _dialect;
    private readonly TableInfo _table;
    private readonly MappingErrors _errors;

    private ColumnBinding(CsvInput input, CsvDialect dialect, TableInfo table) =>
        (_input, _dialect, _table, _errors) = (input, dialect, table, new MappingErrors(input, dialect, table));

    /// <summary>The columns to load, in the order of the rows as they are sent.</summary>
    public static IReadOnlyList<BoundColumn> Bind(CsvInput input, CsvDialect dialect, TableInfo table, CsvShape shape) =>
        new ColumnBinding(input, dialect, table).Bind(shape);

    private List<BoundColumn> Bind(CsvShape shape)
    {
        IReadOnlyList<TableColumn> loadable = _table.Columns.Where(c => !c.IsGenerated).ToList();
        (IReadOnlyList<string> names, string where) = Names(shape, loadable);
        int beyond = FieldCount(_input, _dialect, shape) - names.Count; // fields that only the rows have
        HashSet<int> skipped = shape.SkipFields.Where(f => !IsBeyond(f, names.Count, beyond))
            .Select(f => FieldOf(f, names, MappingErrors.SkipColumn)).ToHashSet();
        Dictionary<int, string> mapped = shape.ColumnMap.ToDictionary(m => FieldOf(m.Key, names, MappingErrors.ColumnMap), m => m.Value);
        if (names.Count != _input.FirstRecord.Count) throw _errors.WrongCount(names.Count);
        bool named = HasNames(shape);
        List<BoundColumn> bound = Enumerable.Range(0, names.Count).Where(i => !skipped.Contains(i))
            .Select(i => new BoundColumn(mapped.TryGetValue(i, out string? column) ? Find(column, MappingErrors.MapNames)
                : Find(names[i], where), i, named ? names[i] : null))
            .Concat(shape.StaticColumns.Select(s => new BoundColumn(Find(s.Key, MappingErrors.StaticNames), null, null, s.Value)))
            .ToList();
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
        if (shape.Fields is { Count: > 0 } asked) return (asked, MappingErrors.FieldNames);
        if (_dialect.HasHeader) return (_input.FirstRecord.Select(n => n.Trim()).ToList(), MappingErrors.HeaderNames);
        List<string> free = loadable.Select(c => c.Name).Where(n => !shape.StaticColumns.Keys.Contains(n, StringComparer.OrdinalIgnoreCase))
            .ToList();
        // Fields that are skipped by number stand between the table's columns.
        foreach (int at in shape.SkipFields.Select(f => NumberOf(f, _input.FirstRecord.Count)).OfType<int>().Order())
            free.Insert(Math.Min(at, free.Count), $"({at + 1})");
        return (free, MappingErrors.TableHas);
    }

    private int FieldOf(string name, IReadOnlyList<string> names, string parameter)
    {
        int[] found = [.. Enumerable.Range(0, names.Count).Where(i => string.Equals(names[i], name, StringComparison.OrdinalIgnoreCase))];
        if (found.Length > 1) throw _errors.SameFieldTwice(parameter, name, [.. found.Select(i => i + 1)]);
        return found.Length == 1 ? found[0] : NumberOf(name, names.Count) ?? throw _errors.UnknownField(parameter, name, names);
    }

    /// <summary>A field that is named by its number from 1, counted from 0.</summary>
    private static int? NumberOf(string name, int count) =>
        int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= count ? number - 1
            : null;

    private void Check(List<BoundColumn> bound, IReadOnlyList<TableColumn> loadable)
    {
        if (bound.GroupBy(b => b.Column.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw _errors.SameColumnTwice(twice.Key, twice.Count(), [.. twice.Select(b => b.Field + 1).OfType<int>()]);
        if (_table.DistributionColumn is { } key && bound.All(b => b.Column.Name != key) && !_table.FillsDistributionColumn)
            throw _errors.NoDistributionColumn(key);
        if (loadable.FirstOrDefault(c => c.IsNotNull && !c.HasDefault && !c.IsIdentity
            && bound.All(b => b.Column.Name != c.Name)) is { } missing)
            throw _errors.NoRequiredColumn(missing.Name);
    }

    private TableColumn Find(string name, string where)
    {
        TableColumn column = _table.FindColumn(name) ?? throw _errors.UnknownColumn(where, name);
        if (column.IsGenerated) throw _errors.GeneratedColumn(column.Name);
        return column;
    }
}
