using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Profiling;

/// <summary>Errors, warnings and advice about files and tables whose rows are profiled.</summary>
internal static class ProfileErrors
{
    public static CitusException NoRows(string name) =>
        new("CitusCsvEmpty", CitusErrorKind.InvalidData,
            $"{name} has no rows, so there is nothing to compare its columns by.",
            "Give a file with rows.") { Target = name };

    public static CitusException TableEmpty(TableInfo table) =>
        new("CitusTableEmpty", CitusErrorKind.InvalidData,
            $"{table.Display} has no rows, so there is nothing to compare its columns by.",
            "Load some first, or give the file that will be loaded: Find-DistributionColumn -Path.") { Target = table.Display };

    public static CitusException NoCandidate(TableInfo table, string type) =>
        new("CitusNoCandidate", CitusErrorKind.InvalidData,
            $"{table.Display} has no column to distribute by: types such as {type} have "
                + "no hash.",
            "Add a column of a type such as bigint, uuid or text, or make it a reference table: New-ReferenceTable.")
                { Target = table.Display };

    /// <summary>The end of a reason for a reference table.</summary>
    public static string MakesReference(string table) =>
        $"; New-ReferenceTable '{table}' makes it one";

    public static CitusException NoTableNamed() =>
        new("CitusShapeNeedsTable", CitusErrorKind.InvalidArgument,
            "-ColumnMap, -SkipColumn, -StaticColumn, -ForceNull, -Culture, -DateTimeFormat, "
                + "-TrueValue and -FalseValue say how fields become columns of a table, and none is named.",
                "Name it with -Table, or leave them out.");

    public static CitusException WrongCount(CsvSource source, int fields, int names) =>
        new("CitusWrongColumnCount", CitusErrorKind.InvalidData,
            $"{source}: the first line has {fields} field(s), but -Column names {names}.",
            "Name as many columns as the file has, or give its -Delimiter.") { Target = source.Name };

    public static CitusException NoColumn(CsvSource source, string column, IEnumerable<string> names) =>
        new("CitusColumnNotFound", CitusErrorKind.ObjectNotFound, $"{source} has no column '{column}'.",
            $"Its columns are {string.Join(", ", names)}.") { Target = source.Name };

    public const string ExcelsLine = "is Excel's own line (sep=), which a load skips and other programs may not: -SkipLines says so";

    public static string LooksLikeData(string line) =>
        $"The first line looks like data, not names: {line[..Math.Min(80, line.Length)]}. -NoHeader reads it as data.";

    public static CitusException NamesNotFit(string source, CsvDialect dialect, string what) =>
        new("CitusDuplicateColumn", CitusErrorKind.InvalidData,
                $"{source}, line {dialect.SkipLines + 1}: {what}, so no table can be made of the names.",
            "Correct the header, or create the table with -Definition and load the file with -Column or -SkipColumn.") { Target = source };
}
