using System.Text.Json;

namespace Woodgrove.Citus.Validation;

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
