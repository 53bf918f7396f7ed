using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest;

/// <summary>Errors of what a load is given.</summary>
internal static class LoadErrors
{
    public static CitusException NotAWebAddress(Uri address) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument,
            address.IsAbsoluteUri ? $"-Uri takes http and https, not {address.Scheme}." : $"'{address}' is not a web address.",
            "Give the whole address, such as https://files.example/events.csv; a file goes to -Path.");

    public static CitusException NoDrive(Exception cause) =>
        new("CitusFileNotFound", CitusErrorKind.ObjectNotFound, cause.Message,
            "Name a file, or use -Uri for a web address.", cause);

    public static CitusException ValueTooDeep(int most) =>
        new("CitusValueTooDeep", CitusErrorKind.InvalidData,
            $"A value is nested more than {most} levels deep, or refers to itself.",
            "Select-Object takes the properties that are to be sent; ConvertTo-Json -Depth makes JSON of a part.");

    public static CitusException RejectPathInUse(CsvSource source, string path) =>
        new("CitusRejectPathInUse", CitusErrorKind.InvalidArgument,
            $"{source}: the refused rows of another file go to {path} already. Nothing of this file was sent.",
            "Name an existing folder with -RejectPath: each file's refused rows get a file of their own there.") { Target = source.Name };

    public static CitusException RowRefused(RefusedRow row, string table) =>
        new("CitusRowRefused", CitusErrorKind.InvalidData,
            $"Row {row.Line}{(row.Column is null ? "" : $", column {row.Column}")}: {row.Reason.TrimEnd('.')}. (SQLSTATE {row.SqlState}) "
                + "The other rows are not affected.",
            row.SqlState == "23505" ? "-OnConflict Skip leaves out rows that are there already, -OnConflict Update overwrites them."
                : "Fix the row and send it again.") { Target = table, SqlState = row.SqlState, Row = row with { Source = table } };
}
