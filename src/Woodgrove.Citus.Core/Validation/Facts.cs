using System.Text.Json;

namespace Woodgrove.Citus.Validation;

/// <summary>A primary node of the cluster, and whether it could be asked.</summary>
/// <param name="Node">Its name and port among the nodes.</param>
/// <param name="Unreachable">Why it could not be asked, or null.</param>
/// <param name="ClockOffset">Seconds that its clock is ahead of this machine's.</param>
/// <param name="ClockUncertainty">Seconds by which the offset may be wrong: half the time that asking took.</param>
public sealed record NodeState(string Node, string Host, int Port, int GroupId, bool IsActive, string? Unreachable, double ClockOffset, double ClockUncertainty)
{
    internal bool IsLocal { get; init; }
}

/// <summary>A question that a node did not answer.</summary>
/// <param name="Denied">True where the user lacks a right.</param>
internal sealed record Gap(Question Question, string Node, string Reason, bool Denied);

/// <summary>What the nodes answered.</summary>
internal sealed class Facts(IReadOnlyList<NodeState> nodes, double limit = 0)
{
    private readonly Dictionary<Question, List<object>> _rows = [];
    private readonly List<Gap> _gaps = [];

    public IReadOnlyList<NodeState> Nodes => nodes;

    /// <summary>The check's threshold.</summary>
    public double Limit => limit;

    public IReadOnlyList<TRow> Of<TRow>(Question<TRow> question)
        where TRow : class => [.. _rows.GetValueOrDefault(question, []).Cast<TRow>()];

    public IEnumerable<Gap> Gaps(IEnumerable<Question> questions) => _gaps.Where(g => questions.Contains(g.Question));

    public Facts Add(Question question, IEnumerable<object> rows)
    {
        lock (_rows)
        {
            if (!_rows.TryGetValue(question, out List<object>? all)) _rows[question] = all = [];
            all.AddRange(rows);
        }
        return this;
    }

    /// <summary>What a node answered; an answer that cannot be read is a gap, so that it ends no other check.</summary>
    public void Add(Question question, string node, string? json)
    {
        try
        {
            Add(question, question.Read(json ?? "null"));
        }
        catch (JsonException e)
        {
            Add(new Gap(question, node, $"gave an answer that could not be read: {e.Message}", false));
        }
    }

    public void Add(Gap gap)
    {
        lock (_gaps) _gaps.Add(gap);
    }

    /// <summary>The same answers, as the nodes turned out to be, for a check of that threshold.</summary>
    public Facts For(IReadOnlyList<NodeState> asked, double threshold) => new(asked, threshold, _rows, _gaps);

    private Facts(IReadOnlyList<NodeState> nodes, double limit, Dictionary<Question, List<object>> rows, List<Gap> gaps)
        : this(nodes, limit) => (_rows, _gaps) = (rows, gaps);
}
