using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>How an attempt at an import ended, unless the file or the table was at fault, which is an exception.</summary>
/// <param name="State">How far the import is.</param>
internal abstract record AttemptEnd(AttemptState State)
{
    /// <summary>All of the source is in the table.</summary>
    public sealed record Completed(AttemptState State, ImportResult Result) : AttemptEnd(State);

    /// <summary>A worker refused a row: the batch is rolled back, and loaded again with its rows validated as the state says.</summary>
    public sealed record NeedsValidation(AttemptState State) : AttemptEnd(State);

    /// <summary>The connection, or a server, failed.</summary>
    /// <param name="Failure">What to tell the user if it is not retried.</param>
    /// <param name="MayRetry">True where the next attempt continues exactly after what is committed.</param>
    /// <param name="GotFurther">True where more is committed than after the attempt before.</param>
    public sealed record Interrupted(AttemptState State, CitusException Failure, bool MayRetry, bool GotFurther) : AttemptEnd(State);
}
