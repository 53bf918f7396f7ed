using System.Management.Automation;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>The one place where failures become PowerShell's errors.</summary>
internal static class CitusErrorRecord
{
    public static ErrorRecord From(Exception failure, object? target)
    {
        CitusException known = PostgresErrors.Describe(failure, target);
        var record = new ErrorRecord(known, known.ErrorId, CategoryOf(known.Kind), known.Target ?? target);
        record.CategoryInfo.TargetName = VisibleText.Of(record.CategoryInfo.TargetName);
        // The exception's message is whole in itself; the console shows the advice apart.
        if (known.Advice is not null) record.ErrorDetails = new ErrorDetails(known.What) { RecommendedAction = known.Advice };
        return record;
    }

    private static ErrorCategory CategoryOf(CitusErrorKind kind) => Enum.Parse<ErrorCategory>(kind.ToString());
}
