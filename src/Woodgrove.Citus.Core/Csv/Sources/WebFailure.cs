namespace Woodgrove.Citus.Csv.Sources;

/// <summary>A failure of a download that may pass: a broken connection, a server that is busy, or one that is silent.</summary>
/// <param name="why">What happened, as a clause.</param>
internal sealed class WebFailure(string why, Exception? inner = null) : Exception(why, inner)
{
    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True where time was lost already by waiting for the server.</summary>
    public bool IsSilence { get; private init; }

    public static WebFailure Silence(string what, TimeSpan time, Exception inner) =>
        new($"the web server {what} {time.TotalSeconds:0.###} s", inner) { IsSilence = true };
}
