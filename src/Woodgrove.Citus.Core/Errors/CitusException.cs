namespace Woodgrove.Citus.Errors;

/// <summary>
/// A failure as it is shown to the user: what happened, where, and what to do. Control characters in the
/// message are shown as symbols (<see cref="VisibleText"/>), and long values cut off (<see cref="LongText"/>); <see cref="Target"/> and
/// <see cref="Row"/> have the values as they are.
/// </summary>
/// <param name="errorId">Stable across releases; scripts may compare it.</param>
/// <param name="kind">The error's category.</param>
/// <param name="message">What happened and where.</param>
/// <param name="advice">What to do about it, a sentence or two, or null.</param>
/// <param name="inner">The cause.</param>
public sealed class CitusException(
    string errorId, CitusErrorKind kind, string message, string? advice = null, Exception? inner = null)
    : Exception(VisibleText.Of(advice is null ? LongText.Shorten(message) : $"{LongText.Shorten(message)} {advice}"), inner)
{
    public string ErrorId { get; } = errorId;
    public CitusErrorKind Kind { get; } = kind;

    /// <summary>What happened and where, without the advice.</summary>
    public string What { get; } = VisibleText.Of(LongText.Shorten(message));

    public string? Advice { get; } = advice is null ? null : VisibleText.Of(advice);

    /// <summary>The table, file or connection that the failure is about.</summary>
    public object? Target { get; init; }

    /// <summary>The five-character SQLSTATE where a server reported the failure.</summary>
    public string? SqlState { get; init; }

    /// <summary>The row of a file that was refused, where there is one.</summary>
    public RefusedRow? Row { get; init; }

    /// <summary>True where the same work may well succeed a moment later.</summary>
    internal bool MayPass { get; init; }

    /// <summary>The same failure, which also says what is in the table now; unchanged where it says so already.</summary>
    /// <param name="state">A sentence.</param>
    internal CitusException WithState(string state) => What.Contains(state, StringComparison.Ordinal) ? this
        : With($"{(What.EndsWith($"(SQLSTATE {SqlState})", StringComparison.Ordinal) ? What : What.TrimEnd('.') + ".")} {state}", Advice);

    /// <summary>The same failure in other words.</summary>
    internal CitusException With(string what, string? advice) =>
        new(ErrorId, Kind, what, advice, this) { Target = Target, SqlState = SqlState, Row = Row, MayPass = MayPass };
}
