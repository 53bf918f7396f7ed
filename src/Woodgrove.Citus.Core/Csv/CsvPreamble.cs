using CsvHelper;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv.Sources;

namespace Woodgrove.Citus.Csv;

/// <summary>What stands above a file's header: the line <c>sep=</c> that Excel reads, or lines of titles.</summary>
internal static class CsvPreamble
{
    /// <summary>Opens a file below its preamble.</summary>
    /// <param name="table">The table that the file is for; a line that names columns of it, and nothing else, is its header.</param>
    /// <param name="warn">Receives what is left out.</param>
    /// <returns>The opened file, and how it is written: with the lines to skip, and with the delimiter that Excel's line names.</returns>
    public static async Task<(CsvInput Input, CsvDialect Dialect)> OpenAsync(
        CsvSource source, CsvDialect dialect, TableInfo? table, CsvShape shape, Action<string>? warn, CancellationToken stop)
    {
        CsvInput input = await CsvInput.OpenAsync(source, dialect, stop);
        CsvDialect? excels = Delimited(input, dialect);
        CsvDialect found = excels ?? dialect with { SkipLines = dialect.SkipLines + Titles(input, dialect, table, shape) };
        if (found == dialect) return (input, dialect);
        await input.DisposeAsync();
        string what = excels is null ? "titles stand above the header and are skipped"
            : $"the line '{input.FirstLine}' is Excel's own: it is skipped, and the delimiter is '{found.Delimiter}'";
        warn?.Invoke(CsvErrors.Skips(source, dialect.SkipLines + 1, what, found.SkipLines));
        return await OpenAsync(source, found, table, shape, warn, stop); // titles may stand below Excel's line
    }

    /// <summary>The dialect that a line <c>sep=;</c> asks for, or null where the first line is none.</summary>
    private static CsvDialect? Delimited(CsvInput input, CsvDialect dialect)
    {
        string line = input.FirstLine.Trim('"');
        return line.Length == 5 && line.StartsWith("sep=", StringComparison.OrdinalIgnoreCase) && char.IsAscii(line[4])
            && line[4] != dialect.Quote
            ? dialect with { SkipLines = dialect.SkipLines + 1, Delimiter = line[4] } : null;
    }

    /// <summary>
    /// How many lines stand above the header: a later line names columns of the table, and nothing else, and the first
    /// does not.
    /// </summary>
    private static int Titles(CsvInput input, CsvDialect dialect, TableInfo? table, CsvShape shape)
    {
        if (table is null || !dialect.HasHeader || shape.Fields is { Count: > 0 } || IsHeader([.. input.FirstRecord])) return 0;
        for (int i = 1; i < input.FirstLines.Count; i++)
        {
            using var parser = new CsvParser(new StringReader(input.FirstLines[i]), dialect.ForCsvHelper());
            if (parser.Read() && IsHeader(parser.Record ?? [])) return i;
        }
        return 0;

        bool IsHeader(string[] fields) => fields.Length > 0 && Array.TrueForAll(fields, f => IsName(f.Trim()));

        bool IsName(string name) => table!.FindColumn(name) is not null || shape.ColumnMap.ContainsKey(name)
            || shape.SkipFields.Contains(name, StringComparer.OrdinalIgnoreCase);
    }
}
