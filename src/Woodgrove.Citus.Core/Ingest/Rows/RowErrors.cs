using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Rows;

/// <summary>Errors of objects from the pipeline.</summary>
internal static class RowErrors
{
    public static CitusException UnknownProperty(TableInfo target, string name) =>
        new("CitusUnknownColumn", CitusErrorKind.InvalidData,
            $"The rows have a property '{name}', which is not a column of {target.Display}. Nothing was sent.",
            $"Its columns are {string.Join(", ", target.Columns.Select(c => c.Name))}; Select-Object leaves out what does not belong.")
                { Target = target.Display };

    public static CitusException GeneratedColumn(TableInfo target, string name, TableColumn column) =>
        new("CitusGeneratedColumn", CitusErrorKind.InvalidData,
            $"The rows have a property '{name}', but the server generates column '{column.Name}' of {target.Display}. "
                + "Nothing was sent.",
            $"Leave it out: Select-Object * -ExcludeProperty {name}.") { Target = target.Display };

    public static CitusException NoDistributionValue(TableInfo target, string key) =>
        new("CitusDistributionColumnMissing", CitusErrorKind.InvalidData,
            $"The rows have no property '{key}', by which {target.Display} is distributed, so no row's shard could be known. "
                + "Nothing was sent.",
            "Add the property, or give the column a default.") { Target = target.Display };

    /// <summary>Why a row is rejected before it is sent.</summary>
    public static string TooLong(long most) =>
        $"its values are longer than {most:N0} bytes (-MaxRecordSize)";

    /// <param name="mayPass">The connection was lost or the like; false where the server refuses the batch as a whole.</param>
    /// <param name="isUnknown">The connection was lost during COMMIT of the batch that begins with the row.</param>
    public static CitusException Interrupted(CitusException known, bool mayPass, long first, long loaded, bool isUnknown)
    {
        string state = isUnknown ? $"the outcome of the batch that begins with row {first} is unknown: all rows or none "
            + "(connection lost during COMMIT)" : $"row {first} and those after it are not";
        string fix = mayPass || known.Advice is null ? "Send" : $"{known.Advice} Then send";
        return known.With($"The load {(mayPass ? "was interrupted" : "ended")} at row {first}: {loaded} rows before it are loaded, "
                + $"and {state}. {known.What}",
            $"{fix} the rows again from row {first} "
                + $"on{(isUnknown ? "; with -OnConflict Skip, rows that are already loaded are skipped" : "")}.");
    }

    /// <summary>The outcome of a COMMIT is unknown, and the coordinator that could tell it is no more.</summary>
    public static CitusException OutcomeForgotten(TableInfo target, long first, long loaded) =>
        new("CitusCoordinatorFailedOver", CitusErrorKind.InvalidOperation,
            $"The load was interrupted at row {first}: {loaded} rows before it are loaded. The connection was lost during COMMIT of the "
                + "batch "
                + $"that begins with row {first}, and the outcome is unknown: all rows or none. "
            + "The coordinator has since been replaced by a standby, or restored, and does not know whether the batch was committed.",
            $"Look for row {first} in the table, and send the rows again from there on if it is missing; with -OnConflict Skip, "
                + "rows that are already loaded are skipped.") { Target = target.Display };

    public static CitusException RowRefused(TableInfo target, RefusedRow row, long loaded) =>
        new("CitusRowRefused", CitusErrorKind.InvalidData,
            $"Row {row.Line}{(row.Column is null ? "" : $", column {row.Column}")}: {row.Reason?.TrimEnd('.')}. "
                + $"(SQLSTATE {row.SqlState}) {loaded} rows before its batch are loaded, nothing of the batch.",
            // A worker's refusal has that code too, but names no column.
            row is { SqlState: PostgresErrorCodes.InternalError, Column: not null } ? $"Fix the row. {PostgresErrors.CannotSkip}"
                : "Fix the row, or skip such rows with -OnError Skip.") { Target = target.Display, SqlState = row.SqlState,
                Row = row with { Source = target.Display } };
}
